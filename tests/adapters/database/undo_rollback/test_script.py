"""A CREATE TABLE is taken apart."""

from bot.adapters.database.undo_rollback.table_body import TableBody, read_body
from bot.adapters.migration_files.syntax import postgast

TABLE = """CREATE TABLE public.t (
    id bigint NOT NULL,
    "odd, (name" text DEFAULT 'é, ) NOT NULL'::text NOT NULL,
    amount numeric(10,2) DEFAULT 0,
    CONSTRAINT t_amount CHECK ((amount > (0)::numeric))
)"""


def test_commas_and_brackets_in_names_texts_and_types_part_nothing() -> None:
    (statement,) = postgast.parse(TABLE).stmts

    assert read_body(TABLE, statement.stmt.create_stmt) == TableBody(
        columns={
            "id": "id bigint",
            "odd, (name": "\"odd, (name\" text DEFAULT 'é, ) NOT NULL'::text",
            "amount": "amount numeric(10,2) DEFAULT 0",
        },
        constraints={"t_amount": "CONSTRAINT t_amount CHECK ((amount > (0)::numeric))"},
        required=frozenset({"id", "odd, (name"}),
    )


def test_a_child_that_lists_no_column_of_its_own() -> None:
    child = "CREATE TABLE public.child (\n)\nINHERITS (public.parent)"
    (statement,) = postgast.parse(child).stmts

    assert read_body(child, statement.stmt.create_stmt) == TableBody({}, {}, frozenset())
