<?php
require __DIR__ . '/tried.php';
[, $host, $port, $user, $password, $database] = $argv;
$ca = $argv[6] ?? null;

function connect(bool $emulate): PDO {
	global $host, $port, $user, $password, $database, $ca;
	$options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulate];
	if ($ca) {
		$options[PDO::MYSQL_ATTR_SSL_CA] = $ca;
	}
	return new PDO("mysql:host=$host;port=$port;dbname=$database", $user, $password, $options);
}

$version = connect(true)->getAttribute(PDO::ATTR_CLIENT_VERSION);
say(['version' => phpversion() . ', ' . $version]);
foreach (['emulated prepares', 'native prepares'] as $number => $way) {
	$connections = [connect($number === 0), connect($number === 0)];
	steps($way, $number, function (int $on, string $sql, ?array $args) use ($connections): string {
		$db = $connections[$on];
		if ($args === null && !str_starts_with($sql, 'SELECT')) {
			return (string)$db->exec($sql);
		}
		$statement = $args === null ? $db->query($sql) : $db->prepare($sql);
		if ($args !== null) {
			$statement->execute($args);
		}
		return $statement->columnCount() ? implode('|', $statement->fetch(PDO::FETCH_NUM)) : (string)$statement->rowCount();
	}, fn($e) => ['code' => $e->errorInfo[1], 'state' => $e->errorInfo[0], 'message' => $e->errorInfo[2]]);
}
