"""Says for each kind of statement when pg_dump writes it for one database. A kind without a rule is refused.

Function bodies are text while a dump is loaded and are not judged: docs/security.md says what that leaves open.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.adapters.dump_statements import values
from bot.adapters.dump_statements.refusal import KnownObjects, nothing_known
from bot.adapters.dump_statements.values import constant, names
from bot.adapters.migration_files.syntax import Node, enum_name

# Statements that create, or complete, an object inside the database, whatever is in them.
FREE = frozenset(
    {
        "alter_default_privileges",
        "alter_object_depends",
        "alter_op_family",
        "alter_seq",
        "alter_stats",
        "alter_tsconfiguration",
        "composite_type",
        "create",
        "create_cast",
        "create_conversion",
        "create_domain",
        "create_enum",
        "create_foreign_table",
        "create_op_class",
        "create_op_family",
        "create_policy",
        "create_publication",
        "create_range",
        "create_seq",
        "create_stats",
        "create_transform",
        "create_trig",
        "define",
        "index",
        "refresh_mat_view",
        "rule",
        "view",
    }
)
SHARED = frozenset({"OBJECT_DATABASE", "OBJECT_ROLE", "OBJECT_TABLESPACE", "OBJECT_PARAMETER_ACL"})
"""Objects of the whole server."""
PRIVILEGED = frozenset({"OBJECT_EVENT_TRIGGER", "OBJECT_FDW", "OBJECT_FOREIGN_SERVER", "OBJECT_SUBSCRIPTION"})
"""Objects that reach beyond the database's own tables."""
ALTERATIONS = frozenset(
    {
        "AT_AddConstraint",
        "AT_AddIdentity",
        "AT_AddInherit",
        "AT_AddOf",
        "AT_AlterColumnGenericOptions",
        "AT_AttachPartition",
        "AT_ChangeOwner",
        "AT_ClusterOn",
        "AT_ColumnDefault",
        "AT_DisableRule",
        "AT_DisableTrig",
        "AT_DisableTrigAll",
        "AT_EnableAlwaysRule",
        "AT_EnableAlwaysTrig",
        "AT_EnableReplicaRule",
        "AT_EnableReplicaTrig",
        "AT_EnableRowSecurity",
        "AT_EnableRule",
        "AT_EnableTrig",
        "AT_EnableTrigAll",
        "AT_ForceRowSecurity",
        "AT_ReplicaIdentity",
        "AT_SetCompression",
        "AT_SetLogged",
        "AT_SetNotNull",
        "AT_SetOptions",
        "AT_SetRelOptions",
        "AT_SetStatistics",
        "AT_SetStorage",
        "AT_SetUnLogged",
    }
)
CLEANING = frozenset({"AT_DropConstraint", "AT_DetachPartition"})
# A body in one of these can do in the database what SQL can, and nothing outside it.
TRUSTED_LANGUAGES = frozenset({"sql", "plpgsql", "plperl", "pltcl", "plv8"})
# What these offer reaches other databases, files or programs.
REACHING_EXTENSIONS = re.compile(
    r"(?i)dblink|file_fdw|adminpack|pg_cron|pg_background|pageinspect|(?:pl\w+|jsonb_pl\w+|hstore_pl\w+|ltree_pl\w+)u"
    r"|plpythonu?|plsh|pljava"
)


@dataclass(frozen=True)
class Terms:
    """Carries what the rules depend on besides the statement.

    Attributes:
        known: reads the objects of the live database that reach beyond it, which a dump may create again; only then.
        script: of a plain dump, which may also clean up, insert, and write large objects in transactions.
    """

    known: KnownObjects = nothing_known
    script: bool = False


Rule = Callable[[Terms, Node], bool]
RULES: dict[str, Rule] = {}


class LackingError(Exception):
    """The live database lacks an object that a dump may create only where it is already."""


def _on(kind: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        RULES[kind] = rule
        return rule

    return register


def _require(terms: Terms, kind: str, name: str, detail: str = "") -> bool:
    if (kind, name, detail) not in terms.known():
        raise LackingError
    return True


@_on("variable_set")
def _variable_set(_terms: Terms, node: Node) -> bool:
    return values.may_set(node)


@_on("select")
def _select(terms: Terms, node: Node) -> bool:
    return values.may_select(node, script=terms.script)


@_on("insert")
def _insert(terms: Terms, node: Node) -> bool:
    return terms.script and values.may_insert(node)


@_on("transaction")
def _transaction(terms: Terms, node: Node) -> bool:
    return terms.script and enum_name(node, "kind") in ("TRANS_STMT_BEGIN", "TRANS_STMT_COMMIT")


@_on("create_table_as")
def _create_table_as(_terms: Terms, node: Node) -> bool:
    return enum_name(node, "objtype") == "OBJECT_MATVIEW" and bool(node.into.skip_data)


@_on("create_schema")
def _create_schema(_terms: Terms, node: Node) -> bool:
    return not node.schema_elts


@_on("alter_table")
def _alter_table(terms: Terms, node: Node) -> bool:
    return all(_may_alter(terms, command.alter_table_cmd) for command in node.cmds)


def _may_alter(terms: Terms, command: Node) -> bool:
    kind = enum_name(command, "subtype")
    return kind in ALTERATIONS or (terms.script and kind in CLEANING)


@_on("alter_domain")
def _alter_domain(terms: Terms, node: Node) -> bool:
    return node.subtype in (("C", "X") if terms.script else ("C",))


@_on("alter_owner")
def _alter_owner(terms: Terms, node: Node) -> bool:
    return _inside(terms, node, "object_type")


@_on("comment")
def _comment(_terms: Terms, node: Node) -> bool:
    return enum_name(node, "objtype") not in SHARED


@_on("sec_label")
def _sec_label(_terms: Terms, node: Node) -> bool:
    return enum_name(node, "objtype") not in SHARED


@_on("grant")
def _grant(_terms: Terms, node: Node) -> bool:
    return enum_name(node, "objtype") not in SHARED and enum_name(node, "targtype") == "ACL_TARGET_OBJECT"


@_on("drop")
def _drop(terms: Terms, node: Node) -> bool:
    # A dump made with --clean drops first what it then creates.
    return terms.script and bool(node.missing_ok) and enum_name(node, "remove_type") not in SHARED | PRIVILEGED


def _inside(terms: Terms, node: Node, attribute: str) -> bool:
    kind = enum_name(node, attribute)
    if kind in PRIVILEGED:
        return _require(terms, kind.removeprefix("OBJECT_").lower(), node.object.string.sval)
    return kind not in SHARED


@_on("create_extension")
def _create_extension(terms: Terms, node: Node) -> bool:
    return not REACHING_EXTENSIONS.fullmatch(node.extname) or _require(terms, "extension", node.extname)


@_on("create_plang")
def _create_plang(terms: Terms, node: Node) -> bool:
    return node.plname in TRUSTED_LANGUAGES or _require(terms, "language", node.plname)


@_on("create_function")
def _create_function(terms: Terms, node: Node) -> bool:
    options = {option.def_elem.defname: option.def_elem.arg for option in node.options}
    language = options["language"].string.sval.lower() if "language" in options else "sql"
    if language in TRUSTED_LANGUAGES or ("trusted language", language, "") in terms.known():
        return True
    body = [part.string.sval for part in options["as"].list.items] if "as" in options else []
    return _require(terms, "function", names(node.funcname), fingerprint(language, body))


@_on("create_am")
def _create_am(terms: Terms, node: Node) -> bool:
    return _require(terms, "access method", node.amname)


@_on("create_fdw")
def _create_fdw(terms: Terms, node: Node) -> bool:
    return _require(terms, "fdw", node.fdwname)


@_on("create_foreign_server")
def _create_foreign_server(terms: Terms, node: Node) -> bool:
    options = sorted(f"{option.def_elem.defname}={option.def_elem.arg.string.sval}" for option in node.options)
    _require(terms, "server", node.servername, "\n".join([node.fdwname, *options]))
    return _require(terms, "foreign_server", node.servername)


@_on("create_user_mapping")
def _create_user_mapping(terms: Terms, node: Node) -> bool:
    public = enum_name(node.user, "roletype") == "ROLESPEC_PUBLIC"
    return _require(terms, "mapping", node.servername, "public" if public else node.user.rolename)


@_on("create_event_trig")
def _create_event_trig(terms: Terms, node: Node) -> bool:
    _require(terms, "event_trigger", node.trigname)
    return _require(terms, "event trigger", node.trigname, f"{node.eventname} {names(node.funcname)}")


@_on("alter_event_trig")
def _alter_event_trig(terms: Terms, node: Node) -> bool:
    return _require(terms, "event_trigger", node.trigname)


@_on("create_subscription")
def _create_subscription(terms: Terms, node: Node) -> bool:
    options = {option.def_elem.defname: constant_of(option.def_elem.arg) for option in node.options}
    # Without connect = false it would begin to replicate.
    return options.get("connect") == "false" and _require(terms, "subscription", node.subname)


@_on("alter_publication")
def _alter_publication(_terms: Terms, node: Node) -> bool:
    return enum_name(node, "action") == "AP_AddObjects"


def fingerprint(language: str, body: list[str]) -> str:
    """Describe a function's code as the query of `known_objects` does."""
    return f"{language} {hashlib.sha256(''.join(body).encode()).hexdigest()}"


def constant_of(node: Node) -> str:
    """Read an option's word, text or truth value."""
    return str(node.string.sval if node.WhichOneof("node") == "string" else constant(node)).lower()
