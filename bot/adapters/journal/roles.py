"""Makes the two roles of the state database: one owns the log, the other serves, and only adds to the log."""

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from bot.adapters.journal import schema
from bot.adapters.named_queries import load
from bot.errors import PermanentError

DEFAULT_OWNER = "backstop_owner"
_QUERIES = load("sql.journal", "migration.sql")
_PUBLIC = (
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    "GRANT CONNECT ON DATABASE {database} TO {serving}",
)
_INSIDE = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "REVOKE CREATE ON SCHEMA public FROM {serving}",
    "GRANT USAGE, CREATE ON SCHEMA public TO {owner}",
)


@dataclass(frozen=True)
class Login:
    """A role that logs in; without a password somebody sets one later."""

    role: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Powers:
    """The power over the audit log of the role that the bot serves with.

    Attributes:
        role: its name.
        owner: the role that owns the log.
        is_current: the schemas are the ones of this version.
        weaknesses: what it could do and should not, one sentence each.
    """

    role: str
    owner: str
    is_current: bool
    weaknesses: tuple[str, ...]


def read_login(dsn: str) -> tuple[Login, str]:
    """Read the role and the database out of a DSN.

    Raises:
        PermanentError: ``bad-dsn``.
    """
    try:
        found = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:  # its text would quote the DSN
        found = {}
    role, database = found.get("user"), found.get("dbname")
    if not role or not database:
        raise PermanentError(
            "bad-dsn", "A DSN of the state database names no role or no database.", "See libpq's URI format."
        )
    return Login(str(role), str(found.get("password") or "")), str(database)


def initialise(admin_dsn: str, database: str, owner: Login, serving: Login) -> None:
    """Create both roles, the database and its schemas, and hand over what others own of them. Safe to repeat.

    Roles that are there keep their passwords.

    Args:
        admin_dsn: of a superuser, or of a role that may create roles and databases; any database of that server.
        database: name of the state database.
        owner: owns the database and the log.
        serving: the bot's.

    Raises:
        TemporaryError: ``journal-unreachable``.
        PermanentError: ``journal-refused``; ``state-roles-same``.
    """
    if owner.role == serving.role:
        raise PermanentError(
            "state-roles-same",
            f"{serving.role} would own the log that it serves with.",
            "Name another role in BACKSTOP_STATE_OWNER_DSN.",
        )
    names = {"owner": owner.role, "serving": serving.role, "database": database}
    with schema.connect(admin_dsn, autocommit=True) as admin:
        for login in (owner, serving):
            _create_role(admin, login)
        _may_act_as(admin, owner)
        _create_database(admin, names)
    with schema.connect(admin_dsn, dbname=database) as inside:
        for row in inside.execute(_QUERIES["not_owned"], names).fetchall():
            inside.execute(row[0].encode())
        for statement in _INSIDE:
            inside.execute(_named(statement, names))
        inside.execute(_named("SET LOCAL ROLE {owner}", names))
        schema.apply(inside, serving.role)


def _create_role(admin: psycopg.Connection, login: Login) -> None:
    if schema.holds(admin, "role_exists", role=login.role):
        return
    create = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(
        sql.Identifier(login.role)
    )
    if login.password:
        # Encrypted here, so that no log of the server's shows it.
        secret = admin.pgconn.encrypt_password(login.password.encode(), login.role.encode(), b"scram-sha-256")
        create += sql.SQL(" PASSWORD {}").format(sql.Literal(secret.decode()))
    admin.execute(create)


def _may_act_as(admin: psycopg.Connection, owner: Login) -> None:
    """Let an administrator who is no superuser create things in the owner's name."""
    if not schema.holds(admin, "is_superuser"):
        admin.execute(_named("GRANT {owner} TO CURRENT_USER", {"owner": owner.role}))


def _create_database(admin: psycopg.Connection, names: dict[str, str]) -> None:
    exists = schema.holds(admin, "database_exists", database=names["database"])
    statement = "ALTER DATABASE {database} OWNER TO {owner}" if exists else "CREATE DATABASE {database} OWNER {owner}"
    admin.execute(_named(statement, names))
    for statement in _PUBLIC:
        admin.execute(_named(statement, names))
    if schema.holds(admin, "is_member", role=names["owner"], member=names["serving"]):
        admin.execute(_named("REVOKE {owner} FROM {serving}", names))


def look(dsn: str) -> Powers:
    """Look at what the bot's role could do to the audit log.

    Raises:
        TemporaryError: ``journal-unreachable``.
        PermanentError: ``journal-refused``; ``journal-needs-migration`` when there is no log.
    """
    with schema.connect(dsn, row_factory=dict_row) as connection:
        found: Any = connection.execute(_QUERIES["powers"]).fetchone()
    with schema.connect(dsn) as connection:
        if found is None:
            raise schema.needs_migration(connection)
        current = schema.is_current(connection)
    return Powers(found["role"], found["owner"], current, tuple(_weaknesses(found)))


def _weaknesses(found: dict[str, Any]) -> list[str]:
    role = found["role"]
    if found["is_superuser"]:
        return [f"the bot's own role {role} is a superuser: it can rewrite the audit log"]
    if found["owns"] or found["is_member"]:
        return [f"the bot's own role {role} owns the log: it can rewrite it; backstop db init makes a role that cannot"]
    powers = {
        "changes": "may change or delete events of the audit log",
        "triggers": "may put triggers on the audit log",
        "creates_roles": "may create roles, and make itself a member of others",
        "owns_database": "owns the state database",
    }
    weaknesses = [f"the bot's own role {role} {text}" for key, text in powers.items() if found[key]]
    if found["is_unguarded"]:
        weaknesses.append("the audit log's trigger is missing or disabled")
    return weaknesses


def _named(statement: str, names: dict[str, str]) -> sql.Composed:
    return sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()})
