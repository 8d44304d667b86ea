"""What people do in Slack's client, checked as the client would and sent to the app as Slack would."""
