<?php
require __DIR__ . '/tried.php';
[, $host, $port, $user, $password, $database] = $argv;
$ca = $argv[6] ?? null;

function connect(): mysqli {
	global $host, $port, $user, $password, $database, $ca;
	mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
	$db = mysqli_init();
	if ($ca) {
		$db->ssl_set(null, null, $ca, null, null);
	}
	$db->real_connect($host, $user, $password, $database, (int)$port, null, $ca ? MYSQLI_CLIENT_SSL : 0);
	return $db;
}

say(['version' => phpversion() . ', ' . mysqli_get_client_info()]);
$connections = [connect(), connect()];
steps('mysqli', 0, function (int $on, string $sql, ?array $args) use ($connections): string {
	$db = $connections[$on];
	if ($args === null) {
		$result = $db->query($sql);
	} else {
		$statement = $db->prepare($sql);
		$statement->execute($args);
		$result = $statement->get_result();
	}
	return $result instanceof mysqli_result ? implode('|', $result->fetch_row()) : (string)$db->affected_rows;
}, fn($e) => ['code' => $e->getCode(), 'state' => $e->getSqlState(), 'message' => $e->getMessage()]);
