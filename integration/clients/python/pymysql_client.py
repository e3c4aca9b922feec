"""PyMySQL."""
import sys

import pymysql

from tried import say, steps

host, port, user, password, database, *ca = sys.argv[1:]


def connect():
    return pymysql.connect(host=host, port=int(port), user=user, password=password, database=database, autocommit=True,
                           ssl={"ca": ca[0], "check_hostname": True} if ca else None)


say(version=pymysql.__version__)
steps("PyMySQL", 0, connect)
