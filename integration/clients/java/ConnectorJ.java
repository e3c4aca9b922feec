import java.sql.*;
import java.util.*;

/** MariaDB Connector/J, in the ways in which it prepares and batches statements. */
public class ConnectorJ {
	static String url, user, password;

	interface Step { String run() throws SQLException; }

	static String quoted(String s) {
		return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
	}

	static void tell(String way, String step, Step f) {
		String line = "{\"way\":" + quoted(way) + ",\"step\":" + quoted(step) + ",";
		try {
			line += "\"got\":" + quoted(f.run());
		} catch (SQLException e) {
			line += "\"error\":" + quoted(e.getClass().getName()) + ",\"code\":" + e.getErrorCode() + ",\"state\":" + quoted(String.valueOf(e.getSQLState()))
				+ ",\"message\":" + quoted(e.getMessage());
		}
		System.out.println(line + "}");
	}

	static String row(ResultSet r) throws SQLException {
		r.next();
		List<String> columns = new ArrayList<>();
		for (int i = 1; i <= r.getMetaData().getColumnCount(); i++) {
			columns.add(r.getString(i));
		}
		return String.join("|", columns);
	}

	static String plain(Connection c, String sql) throws SQLException {
		try (Statement s = c.createStatement()) {
			return s.execute(sql) ? row(s.getResultSet()) : "" + s.getUpdateCount();
		}
	}

	static String prepared(Connection c, String sql, int... args) throws SQLException {
		try (PreparedStatement s = c.prepareStatement(sql)) {
			for (int i = 0; i < args.length; i++) {
				s.setInt(i + 1, args[i]);
			}
			return s.execute() ? row(s.getResultSet()) : "" + s.getUpdateCount();
		}
	}

	static final String SAVE = "UPDATE products SET price=? WHERE id=? AND version=?";

	static String batch(Connection c, int[]... rows) throws SQLException {
		try (PreparedStatement s = c.prepareStatement(SAVE)) {
			for (int[] row : rows) {
				for (int i = 0; i < row.length; i++) {
					s.setInt(i + 1, row[i]);
				}
				s.addBatch();
			}
			return s.executeBatch().length + " statements";
		}
	}

	static void steps(int number, String options) throws SQLException {
		String way = options.isEmpty() ? "default" : options;
		try (Connection mine = DriverManager.getConnection(url + options, user, password);
				Connection other = DriverManager.getConnection(url + options, user, password)) {
			int key = 10 * number + 1;
			String version = "SELECT price, version FROM products WHERE id=?";
			tell(way, "update", () -> plain(mine, "UPDATE products SET price=1 WHERE id=" + key + " AND version=1"));
			tell(way, "conflict", () -> plain(mine, "UPDATE products SET price=1 WHERE id=" + key + " AND version=1"));
			tell(way, "row", () -> plain(mine, "SELECT price, version FROM products WHERE id=" + key));
			tell(way, "prepared update", () -> prepared(mine, SAVE, 2, key, 2));
			tell(way, "prepared conflict", () -> prepared(mine, SAVE, 3, key, 2));
			tell(way, "prepared row", () -> prepared(mine, version, key));
			tell(way, "read", () -> prepared(mine, "SELECT name FROM products WHERE id=?", key + 1));
			tell(way, "overtaken by", () -> prepared(other, "UPDATE products SET price=7 WHERE id=?", key + 1));
			tell(way, "overtaken", () -> prepared(mine, "UPDATE products SET name='mine' WHERE id=?", key + 1));
			tell(way, "row of the other", () -> prepared(mine, version, key + 1));
			tell(way, "batch", () -> batch(mine, new int[] {1, key + 2, 1}, new int[] {2, key + 3, 1}));
			tell(way, "batch with a conflict", () -> batch(mine, new int[] {3, key + 2, 2}, new int[] {4, key + 3, 1}));
			tell(way, "row behind the batch", () -> prepared(mine, version, key + 3));
		}
	}

	public static void main(String[] a) throws Exception {
		url = "jdbc:mariadb://" + a[0] + ":" + a[1] + "/" + a[4] + "?allowPublicKeyRetrieval=true" + (a.length > 5 ? "&useSsl=true&serverSslCert=" + a[5] : "") + "&";
		user = a[2];
		password = a[3];
		try (Connection c = DriverManager.getConnection(url, user, password)) {
			System.out.println("{\"version\":" + quoted(c.getMetaData().getDriverVersion() + ", Java " + Runtime.version().feature()) + "}");
		}
		String[] ways = {"", "useServerPrepStmts=true", "rewriteBatchedStatements=true", "useServerPrepStmts=true&useBulkStmts=true",
			"useBatchMultiSend=false", "useServerPrepStmts=true&useBatchMultiSend=true&cachePrepStmts=false"};
		for (int i = 0; i < ways.length; i++) {
			steps(i, ways[i]);
		}
	}
}
