"""The steps of a client with Python's database interface (PEP 249)."""
import json


def say(**line):
    print(json.dumps(line), flush=True)


def steps(way, number, connect, state=None):
    """Goes through the steps of one way. state gives an error's SQLSTATE, where the client knows it."""
    mine, other = connect(), connect()
    key = 10 * number + 1

    def run(step, sql, args=None, on=mine):
        line = {"way": way, "step": step}
        cursor = on.cursor()
        try:
            cursor.execute(sql, args)
            row = cursor.fetchone() if cursor.description else None
            line["got"] = str(cursor.rowcount) if row is None else "|".join(map(str, row))
        except Exception as e:
            line.update(error=type(e).__module__ + "." + type(e).__name__, code=e.args[0], message=e.args[1])
            if state:
                line["state"] = state(e)
        cursor.close()
        say(**line)

    run("update", "UPDATE products SET price=1 WHERE id=%d AND version=1" % key)
    run("conflict", "UPDATE products SET price=1 WHERE id=%d AND version=1" % key)
    run("row", "SELECT price, version FROM products WHERE id=%d" % key)
    run("prepared update", "UPDATE products SET price=%s WHERE id=%s AND version=%s", (2, key, 2))
    run("prepared conflict", "UPDATE products SET price=%s WHERE id=%s AND version=%s", (3, key, 2))
    run("prepared row", "SELECT price, version FROM products WHERE id=%s", (key,))
    run("read", "SELECT name FROM products WHERE id=%s", (key + 1,))
    run("overtaken by", "UPDATE products SET price=7 WHERE id=%s", (key + 1,), other)
    run("overtaken", "UPDATE products SET name='mine' WHERE id=%s", (key + 1,))
    run("row of the other", "SELECT price, version FROM products WHERE id=%s", (key + 1,))
