// Sequelize on mysql2, with its own optimistic locking and without.
'use strict';
const fs = require('fs');
const {Sequelize, DataTypes} = require('sequelize');
const {say} = require('./tried.js');

const [host, port, username, password, database, ca] = process.argv.slice(2);
const db = new Sequelize({
	dialect: 'mysql', host, port: +port, username, password, database, logging: false, pool: {max: 1},
	dialectOptions: ca ? {ssl: {ca: fs.readFileSync(ca)}} : {},
});
const columns = {id: {type: DataTypes.INTEGER, primaryKey: true}, name: DataTypes.STRING, price: DataTypes.INTEGER};
const plain = {tableName: 'products', timestamps: false};
const other = new Sequelize({...db.options}).define('Other', columns, plain);

async function steps(way, number, entity) {
	const key = 10 * number + 1;
	const tell = async (step, f) => {
		try {
			say({way, step, got: await f()});
		} catch (e) {
			say({way, step, error: e.constructor.name, code: e.original?.errno, state: e.original?.sqlState, message: e.message});
		}
	};
	const save = async (product, price) => {
		await product.update({price});
		return 'saved';
	};
	const row = async () => {
		const [rows] = await db.query(`SELECT price, version FROM ${entity.tableName} WHERE id=${key}`);
		return Object.values(rows[0]).join('|');
	};
	const others = entity.tableName === 'products' ? other : new Sequelize({...db.options}).define('Others', columns, {...plain, tableName: entity.tableName});
	const mine = await entity.findByPk(key);
	await tell('save', () => save(mine, 1));
	await tell('save of the other', async () => save(await others.findByPk(key), 2));
	await tell('conflict', () => save(mine, 3));
	await tell('row', row);
	await mine.reload();
	await tell('save again', () => save(mine, 4));
	await tell('row at last', row);
	if (others !== other) {
		await others.sequelize.close();
	}
}

(async () => {
	say({version: `${require('sequelize/package.json').version}, mysql2 ${require('mysql2/package.json').version}`});
	await steps('version: true', 0, db.define('Versioned', columns, {...plain, version: true}));
	await steps('no locking of its own', 1, db.define('Plain', columns, plain));
	await steps('version: true, own_version: pass', 2, db.define('Own', columns, {...plain, tableName: 'documents', version: true}));
	await db.close();
	await other.sequelize.close();
})();
