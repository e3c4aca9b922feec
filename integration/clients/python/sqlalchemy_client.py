"""SQLAlchemy's ORM on PyMySQL, with its own optimistic locking and without."""
import sys

import sqlalchemy
from sqlalchemy import Column, Integer, String
from sqlalchemy.orm import Session, declarative_base

from tried import say

host, port, user, password, database, *ca = sys.argv[1:]
engine = sqlalchemy.create_engine(
    sqlalchemy.engine.URL.create("mysql+pymysql", user, password, host, int(port), database),
    connect_args={"ssl": {"ca": ca[0], "check_hostname": True}} if ca else {})
Base = declarative_base()


class Versioned(Base):
    __tablename__ = "products"
    id = Column(Integer, primary_key=True)
    name = Column(String(50))
    price = Column(Integer)
    version = Column(Integer, nullable=False)
    __mapper_args__ = {"version_id_col": version}


class Plain(Base):
    __table__ = sqlalchemy.Table("products", sqlalchemy.MetaData(), Column("id", Integer, primary_key=True),
                                 Column("name", String(50)), Column("price", Integer))


class Own(Base):
    """A table of which the policy says that the application's own version is its own business."""
    __tablename__ = "documents"
    id = Column(Integer, primary_key=True)
    name = Column(String(50))
    price = Column(Integer)
    version = Column(Integer, nullable=False)
    __mapper_args__ = {"version_id_col": version}


def row(session, entity, key):
    table = entity.__table__.name
    return "|".join(map(str, session.execute(sqlalchemy.text("SELECT price, version FROM %s WHERE id=%d" % (table, key))).one()))


def steps(way, number, entity):
    key = 10 * number + 1

    def tell(step, f):
        try:
            say(way=way, step=step, got=f())
        except Exception as e:
            line = {"way": way, "step": step, "error": type(e).__module__ + "." + type(e).__name__}
            if getattr(e, "orig", None):
                line.update(code=e.orig.args[0], message=e.orig.args[1])
            else:
                line.update(message=str(e))
            say(**line)

    def save(session, price):
        session.get(entity, key).price = price
        session.commit()
        return "saved"

    mine, other = Session(engine), Session(engine)
    tell("save", lambda: save(mine, 1))
    mine.get(entity, key).name
    tell("save of the other", lambda: save(other, 2))
    tell("conflict", lambda: save(mine, 3))
    mine.rollback()
    tell("row", lambda: row(mine, entity, key))
    tell("save again", lambda: save(mine, 4))
    tell("row at last", lambda: row(mine, entity, key))


say(version="%s, PyMySQL %s" % (sqlalchemy.__version__, __import__("pymysql").__version__))
steps("version_id_col", 0, Versioned)
steps("no locking of its own", 1, Plain)
steps("version_id_col, own_version: pass", 2, Own)
