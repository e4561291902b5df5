"""Keeps the newest snapshot of every order in a table. Needs: pip install confluent-kafka

BOOTSTRAP=127.0.0.1:9092 python3 consume_orders.py orders.db
"""
import os
import sqlite3
import sys

from confluent_kafka import Consumer

UPSERT = """
INSERT INTO orders AS t (order_key, version, content_hash, body) VALUES (?, ?, ?, ?)
ON CONFLICT (order_key) DO UPDATE
  SET version = EXCLUDED.version, content_hash = EXCLUDED.content_hash, body = EXCLUDED.body
  WHERE t.version < EXCLUDED.version
     OR (t.version = EXCLUDED.version AND t.content_hash <> EXCLUDED.content_hash)"""
table = sqlite3.connect(sys.argv[1])
table.execute("CREATE TABLE IF NOT EXISTS orders"
              " (order_key TEXT PRIMARY KEY, version INTEGER, content_hash TEXT, body TEXT)")
consumer = Consumer({"bootstrap.servers": os.environ["BOOTSTRAP"], "group.id": "erp-orders",
                     "enable.auto.commit": False, "auto.offset.reset": "earliest"})
consumer.subscribe(["orders.v1"])
while True:
    message = consumer.poll(1.0)
    if message is None or message.error():
        continue
    header = {name: value.decode() for name, value in message.headers()}
    row = (message.key().decode(), int(header["version"]), header["content_hash"], message.value().decode())
    changed = table.execute(UPSERT, row).rowcount
    table.commit()  # first the row, then the offset: a crash between the two repeats a harmless write
    consumer.commit(message, asynchronous=False)
    print("kept" if changed else "old", header["ce_id"], row[0], header["version"], flush=True)
