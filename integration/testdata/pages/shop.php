<?php
// Every page has a database connection of its own, and names its user.

session_start();

function connect(): PDO
{
    $db = new PDO(getenv('DATABASE'), getenv('DATABASE_USER'), getenv('DATABASE_PASSWORD'), [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_EMULATE_PREPARES => getenv('PREPARES') === 'emulated',
    ]);
    $db->exec('SET @ifmatch_context = ' . $db->quote(session_id()));
    return $db;
}

function product(PDO $db, $id, string $lock = ''): array
{
    $query = $db->prepare("SELECT id, name, price, in_stock, note FROM products WHERE id = ? $lock");
    $query->execute([$id]);
    $row = $query->fetch(PDO::FETCH_ASSOC);
    if ($row === false) {
        http_response_code(404);
        exit("no product $id");
    }
    return $row;
}
