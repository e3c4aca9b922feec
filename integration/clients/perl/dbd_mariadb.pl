#!/usr/bin/perl
# DBD::MariaDB, with prepared statements of its own and of the server.
use strict;
use warnings;
use DBI;
use JSON::PP;

my ($host, $port, $user, $password, $database, $ca) = @ARGV;
$| = 1;

sub say_line { print JSON::PP->new->canonical->encode({@_}), "\n" }

sub dial {
	my ($server) = @_;
	my $tls = $ca ? ";mariadb_ssl=1;mariadb_ssl_verify_server_cert=1;mariadb_ssl_ca_file=$ca" : '';
	return DBI->connect("DBI:MariaDB:database=$database;host=$host;port=$port;mariadb_server_prepare=$server$tls",
		$user, $password, {RaiseError => 1, PrintError => 0, AutoCommit => 1});
}

sub steps {
	my ($way, $number) = @_;
	my @on = (dial($number), dial($number));
	my $key = 10 * $number + 1;
	for my $step (
		['update', "UPDATE products SET price=1 WHERE id=$key AND version=1"],
		['conflict', "UPDATE products SET price=1 WHERE id=$key AND version=1"],
		['row', "SELECT price, version FROM products WHERE id=$key"],
		['prepared update', 'UPDATE products SET price=? WHERE id=? AND version=?', [2, $key, 2]],
		['prepared conflict', 'UPDATE products SET price=? WHERE id=? AND version=?', [3, $key, 2]],
		['prepared row', 'SELECT price, version FROM products WHERE id=?', [$key]],
		['read', 'SELECT name FROM products WHERE id=?', [$key + 1]],
		['overtaken by', 'UPDATE products SET price=7 WHERE id=?', [$key + 1], 1],
		['overtaken', "UPDATE products SET name='mine' WHERE id=?", [$key + 1]],
		['row of the other', 'SELECT price, version FROM products WHERE id=?', [$key + 1]],
	) {
		my ($name, $sql, $args, $on) = @$step;
		my $db = $on[$on // 0];
		my $got = eval {
			return $db->do($sql) + 0 if !$args && $sql !~ /^SELECT/;
			my $statement = $db->prepare($sql);
			my $rows = $statement->execute(@{$args // []});
			return $sql =~ /^SELECT/ ? join('|', $statement->fetchrow_array) : $rows + 0;
		};
		if (defined $got) {
			say_line(way => $way, step => $name, got => "$got");
		} else {
			say_line(way => $way, step => $name, error => ref($@) || 'die', code => $DBI::err + 0, state => $DBI::state, message => $DBI::errstr);
		}
	}
}

my $library = dial(0)->{mariadb_clientinfo};
say_line(version => "$DBD::MariaDB::VERSION, library $library");
steps('prepared by the client', 0);
steps('prepared by the server', 1);
