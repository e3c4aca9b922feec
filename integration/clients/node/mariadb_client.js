'use strict';
const fs = require('fs');
const mariadb = require('mariadb');
const {say, steps, text} = require('./tried.js');

const [host, port, user, password, database, ca] = process.argv.slice(2);
const dial = () => mariadb.createConnection({
	host, port: +port, user, password, database, allowPublicKeyRetrieval: true, ...(ca && {ssl: {ca: fs.readFileSync(ca)}}),
});

(async () => {
	say({version: `${require('mariadb/package.json').version}, Node.js ${process.versions.node}`});
	const on = [await dial(), await dial()];
	const error = e => ({code: e.errno, state: e.sqlState, message: e.sqlMessage});
	await steps('query', 0, async (i, sql, args) => text(await on[i].query(sql, args)), error);
	await steps('execute', 1, async (i, sql, args) => text(await (args ? on[i].execute(sql, args) : on[i].query(sql))), error);
	// Without bulk a batch is pipelined: all is sent before the first answer is read.
	for (const [number, bulk] of [[2, true], [3, false]]) {
		const way = `batch, bulk: ${bulk}`, key = 10 * number + 1;
		const batch = async (step, rows) => {
			try {
				const got = await on[0].batch({sql: 'UPDATE products SET price=? WHERE id=? AND version=?', bulk}, rows);
				say({way, step, got: String([got].flat().reduce((n, r) => n + r.affectedRows, 0))});
			} catch (e) {
				say({way, step, error: e.constructor.name, ...error(e)});
			}
		};
		await batch('batch', [[1, key, 1], [2, key + 1, 1]]);
		await batch('batch with a conflict', [[3, key, 2], [4, key + 1, 1]]);
		say({way, step: 'row behind the batch', got: text(await on[0].query(`SELECT price, version FROM products WHERE id=${key + 1}`))});
	}
	for (const c of on) {
		await c.end();
	}
})();
