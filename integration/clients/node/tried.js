// The steps of one way of a driver.
'use strict';

const say = line => console.log(JSON.stringify(line));

// run executes a statement on the first or the second connection and gives what it
// got as text; error takes an exception apart.
async function steps(way, number, run, error) {
	const key = 10 * number + 1;
	for (const [step, sql, args, on = 0] of [
		['update', `UPDATE products SET price=1 WHERE id=${key} AND version=1`],
		['conflict', `UPDATE products SET price=1 WHERE id=${key} AND version=1`],
		['row', `SELECT price, version FROM products WHERE id=${key}`],
		['prepared update', 'UPDATE products SET price=? WHERE id=? AND version=?', [2, key, 2]],
		['prepared conflict', 'UPDATE products SET price=? WHERE id=? AND version=?', [3, key, 2]],
		['prepared row', 'SELECT price, version FROM products WHERE id=?', [key]],
		['read', 'SELECT name FROM products WHERE id=?', [key + 1]],
		['overtaken by', 'UPDATE products SET price=7 WHERE id=?', [key + 1], 1],
		['overtaken', "UPDATE products SET name='mine' WHERE id=?", [key + 1]],
		['row of the other', 'SELECT price, version FROM products WHERE id=?', [key + 1]],
	]) {
		try {
			say({way, step, got: await run(on, sql, args)});
		} catch (e) {
			say({way, step, error: e.constructor.name, ...error(e)});
		}
	}
}

// text gives a row, or the number of rows affected.
const text = result => Array.isArray(result) ? Object.values(result[0]).join('|') : String(result.affectedRows);

module.exports = {say, steps, text};
