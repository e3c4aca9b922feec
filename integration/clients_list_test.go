package integration

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// How a client prepares a statement.
const (
	byServer = "the server's"
	byClient = "none: the client puts the values in"
)

// everyClient gives what is tried. Programs are built into a folder.
func everyClient(into string) []tried {
	own := func(name, prepares, exception string) []way {
		return []way{{name: name, prepares: prepares, exception: exception, state: true, steps: everyStep}}
	}
	withoutState := func(ways []way) []way {
		for i := range ways {
			ways[i].state = false
		}
		return ways
	}
	numbered := func(ways ...[]way) (all []way) {
		for number, w := range ways {
			w[0].number = number
			all = append(all, w[0])
		}
		return all
	}
	return []tried{
		{"mariadb, the command", commandLine(server.FlavorMariaDB), []way{{
			name: "--comments --force", prepares: "—", exception: "ERROR", state: true, steps: commandSteps}}},
		{"mysql, the command", commandLine(server.FlavorMySQL), []way{{
			name: "--comments --force", prepares: "—", exception: "ERROR", state: true, steps: commandSteps}}},
		{"go-sql-driver/mysql", goProgram("clients/go-sql-driver", into), numbered(
			own("prepared by the server", byServer, "*mysql.MySQLError"), own("interpolateParams", byClient, "*mysql.MySQLError"))},
		{"go-mysql-org/go-mysql", goProgram("clients/go-mysql", into), own("go-mysql", byServer, "*mysql.MyError")},
		{"PHP mysqli", runs("php", "clients/php/mysqli.php"), own("mysqli", byServer, "mysqli_sql_exception")},
		{"PHP PDO", runs("php", "clients/php/pdo.php"), numbered(
			own("emulated prepares", byClient, "PDOException"), own("native prepares", byServer, "PDOException"))},
		{"PyMySQL", runs("/usr/bin/python3", "clients/python/pymysql_client.py"), withoutState(own("PyMySQL", byClient, "pymysql.err.OperationalError"))},
		{"mysqlclient", runs("/usr/bin/python3", "clients/python/mysqlclient_client.py"),
			withoutState(own("mysqlclient", byClient, "MySQLdb._exceptions.OperationalError"))},
		{"SQLAlchemy", runs("/usr/bin/python3", "clients/python/sqlalchemy_client.py"), []way{
			{name: "no locking of its own", number: 1, prepares: byClient, exception: "sqlalchemy.exc.OperationalError", steps: ormSteps},
			{name: "version_id_col", number: 0, prepares: byClient, exception: "sqlalchemy.exc.OperationalError", steps: ormSteps},
			{name: "version_id_col, own_version: pass", number: 2, prepares: byClient, exception: "sqlalchemy.orm.exc.StaleDataError", steps: ownSteps},
		}},
		{"MariaDB Connector/J", compiled(func(t *testing.T) []string {
			if out, err := exec.Command("javac", "-d", into, "clients/java/ConnectorJ.java").CombinedOutput(); err != nil {
				t.Fatalf("javac (Debian's package default-jdk-headless has it): %v\n%s", err, out)
			}
			return []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", into + ":/usr/share/java/mariadb-java-client.jar", "ConnectorJ"}
		}), javaWays(
			"", byClient,
			"useServerPrepStmts=true", byServer,
			"rewriteBatchedStatements=true", byClient,
			"useServerPrepStmts=true&useBulkStmts=true", byServer,
			"useBatchMultiSend=false", byClient,
			"useServerPrepStmts=true&useBatchMultiSend=true&cachePrepStmts=false", byServer,
		)},
		{"Node.js mysql2", runs("node", "clients/node/mysql2_client.js"), numbered(
			own("query", byClient, "Error"), own("execute", byServer, "Error"))},
		{"Node.js mariadb", runs("node", "clients/node/mariadb_client.js"), append(
			numbered(own("query", byClient, "SqlError"), own("execute", byServer, "SqlError")),
			way{name: "batch, bulk: true", number: 2, prepares: byServer, bulk: 2, exception: "SqlError", state: true, steps: nodeBatch},
			way{name: "batch, bulk: false", number: 3, prepares: byServer, exception: "SqlError", state: true, steps: nodeBatch},
		)},
		{"Sequelize", runs("node", "clients/node/sequelize_client.js"), []way{
			{name: "no locking of its own", number: 1, prepares: byClient, exception: "DatabaseError", state: true, steps: ormSteps},
			{name: "version: true", number: 0, prepares: byClient, exception: "DatabaseError", state: true, steps: ormSteps},
			{name: "version: true, own_version: pass", number: 2, prepares: byClient, exception: "OptimisticLockError", steps: ownSteps},
		}},
		{"Perl DBD::MariaDB", runs("perl", "clients/perl/dbd_mariadb.pl"), numbered(
			own("prepared by the client", byClient, "die"), own("prepared by the server", byServer, "die"))},
		{"Ruby mysql2", runs("ruby", "clients/ruby/mysql2.rb"), own("mysql2", byServer, "Mysql2::Error")},
	}
}

// everyStep is what a driver goes through.
func everyStep(w way, db string) []line {
	table, key := db+".products", 10*w.number+1
	return []line{
		w.got("update", "1"),
		w.conflict("conflict", versionConflict(table, key, 1, 2)),
		w.got("row", "1|2"),
		w.got("prepared update", "1"),
		w.conflict("prepared conflict", versionConflict(table, key, 2, 3)),
		w.got("prepared row", "2|3"),
		w.got("read", fmt.Sprintf("product %d", key+1)),
		w.got("overtaken by", "1"),
		w.conflict("overtaken", versionConflict(table, key+1, 1, 2)),
		w.got("row of the other", "7|2"),
	}
}

// javaWays are those of Connector/J, by options and how they prepare.
func javaWays(pairs ...string) (ways []way) {
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		if name == "" {
			name = "default"
		}
		bulk := 0
		if strings.Contains(name, "useBulkStmts=true") {
			bulk = 2
		}
		ways = append(ways, way{name: name, number: i / 2, prepares: pairs[i+1], bulk: bulk, exception: "java.sql.SQLTransactionRollbackException", state: true,
			steps: func(w way, db string) []line {
				batch := w
				batch.exception = "java.sql.BatchUpdateException"
				return append(everyStep(w, db),
					w.got("batch", "2 statements"),
					batch.conflict("batch with a conflict", versionConflict(db+".products", 10*w.number+4, 1, 2)),
					w.got("row behind the batch", "2|2"),
				)
			}})
	}
	return ways
}

func nodeBatch(w way, db string) []line {
	key := 10*w.number + 2
	return []line{
		w.got("batch", "2"),
		w.conflict("batch with a conflict", versionConflict(db+".products", key, 1, 2)),
		w.got("row behind the batch", "2|2"),
	}
}

// ormSteps are two sessions of an ORM that have both loaded a row.
func ormSteps(w way, db string) []line {
	return []line{
		w.got("save", "saved"),
		w.got("save of the other", "saved"),
		w.conflict("conflict", versionConflict(db+".products", 10*w.number+1, 2, 3)),
		w.got("row", "2|3"),
		w.got("save again", "saved"),
		w.got("row at last", "4|4"),
	}
}

// ownSteps are the same where the policy leaves the matter to the ORM.
func ownSteps(w way, db string) []line {
	steps := ormSteps(w, db)
	steps[2] = line{Way: w.name, Step: "conflict", Error: w.exception}
	return steps
}
