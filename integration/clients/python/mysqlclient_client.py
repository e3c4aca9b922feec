"""mysqlclient, which is made with MariaDB's client library."""
import sys

import MySQLdb

from tried import say, steps

host, port, user, password, database, *ca = sys.argv[1:]


def connect():
    tls = {"ssl": {"ca": ca[0]}} if ca else {}
    return MySQLdb.connect(host=host, port=int(port), user=user, password=password, database=database, autocommit=True, **tls)


say(version="%s, library %s" % (MySQLdb.__version__, MySQLdb.get_client_info()))
steps("mysqlclient", 0, connect)
