'use strict';
const fs = require('fs');
const mysql2 = require('mysql2/promise');
const {say, steps, text} = require('./tried.js');

const [host, port, user, password, database, ca] = process.argv.slice(2);
const dial = () => mysql2.createConnection({host, port: +port, user, password, database, ...(ca && {ssl: {ca: fs.readFileSync(ca)}})});

(async () => {
	say({version: `${require('mysql2/package.json').version}, Node.js ${process.versions.node}`});
	const on = [await dial(), await dial()];
	const error = e => ({code: e.errno, state: e.sqlState, message: e.sqlMessage});
	await steps('query', 0, async (i, sql, args) => text((await on[i].query(sql, args))[0]), error);
	await steps('execute', 1, async (i, sql, args) => text((await (args ? on[i].execute(sql, args) : on[i].query(sql)))[0]), error);
	for (const c of on) {
		await c.end();
	}
})();
