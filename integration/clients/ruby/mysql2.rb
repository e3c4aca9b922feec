# mysql2, which is made with MariaDB's client library.
require 'json'
require 'mysql2'

HOST, PORT, USER, PASSWORD, DATABASE, CA = ARGV
$stdout.sync = true

def say(line) = puts(JSON.generate(line))

def dial
  tls = CA ? { sslca: CA, ssl_mode: :verify_ca, sslverify: true } : {}
  Mysql2::Client.new(host: HOST, port: PORT.to_i, username: USER, password: PASSWORD, database: DATABASE, **tls)
end

def steps(way, number)
  on = [dial, dial]
  key = 10 * number + 1
  [
    ['update', "UPDATE products SET price=1 WHERE id=#{key} AND version=1"],
    ['conflict', "UPDATE products SET price=1 WHERE id=#{key} AND version=1"],
    ['row', "SELECT price, version FROM products WHERE id=#{key}"],
    ['prepared update', 'UPDATE products SET price=? WHERE id=? AND version=?', [2, key, 2]],
    ['prepared conflict', 'UPDATE products SET price=? WHERE id=? AND version=?', [3, key, 2]],
    ['prepared row', 'SELECT price, version FROM products WHERE id=?', [key]],
    ['read', 'SELECT name FROM products WHERE id=?', [key + 1]],
    ['overtaken by', 'UPDATE products SET price=7 WHERE id=?', [key + 1], 1],
    ['overtaken', "UPDATE products SET name='mine' WHERE id=?", [key + 1]],
    ['row of the other', 'SELECT price, version FROM products WHERE id=?', [key + 1]]
  ].each do |name, sql, args, other|
    db = on[other || 0]
    statement = args && db.prepare(sql)
    result = args ? statement.execute(*args) : db.query(sql)
    got = result ? result.first.values.join('|') : (statement || db).affected_rows.to_s
    say(way: way, step: name, got: got)
  rescue Mysql2::Error => e
    say(way: way, step: name, error: e.class.name, code: e.error_number, state: e.sql_state, message: e.message)
  end
end

say(version: "#{Mysql2::VERSION}, library #{Mysql2::Client.info[:version]}")
steps('mysql2', 0)
