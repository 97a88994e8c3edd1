-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
-- A store of schema 1, written by 33e2670. Below it, what people were told about it.
PRAGMA application_id = 1212377185;
PRAGMA user_version = 1;
CREATE TABLE store ( id INTEGER PRIMARY KEY CHECK (id = 1), epoch TEXT NOT NULL, secret BLOB NOT NULL, writer TEXT NOT NULL );
CREATE TABLE user ( id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER );
CREATE TABLE writer ( id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, position INTEGER NOT NULL );
CREATE TABLE chat ( id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, latest INTEGER NOT NULL, head BLOB NOT NULL, latest_at INTEGER NOT NULL, ended INTEGER NOT NULL );
CREATE TABLE log ( id INTEGER PRIMARY KEY, chat INTEGER NOT NULL, number INTEGER NOT NULL, type INTEGER NOT NULL, sender INTEGER NOT NULL, at INTEGER NOT NULL, writer INTEGER NOT NULL, position INTEGER NOT NULL, target INTEGER NOT NULL, client_time INTEGER NOT NULL, quote_revision INTEGER NOT NULL, erased INTEGER NOT NULL, key TEXT, key_hash BLOB NOT NULL, content_type TEXT, head BLOB NOT NULL, body_salt BLOB, quote_salt BLOB, body TEXT, quote TEXT );
CREATE TABLE dedup ( generation INTEGER NOT NULL, hash INTEGER NOT NULL, chat INTEGER NOT NULL, log INTEGER NOT NULL, PRIMARY KEY (generation, hash, chat, log) ) WITHOUT ROWID;
CREATE TABLE member ( chat INTEGER NOT NULL, user INTEGER NOT NULL, role INTEGER NOT NULL, received INTEGER NOT NULL, read INTEGER NOT NULL, PRIMARY KEY (chat, user) ) WITHOUT ROWID;
CREATE TABLE membership ( chat INTEGER NOT NULL, user INTEGER NOT NULL, from_number INTEGER NOT NULL, to_number INTEGER NOT NULL, PRIMARY KEY (chat, user, from_number) ) WITHOUT ROWID;
CREATE TABLE device ( id INTEGER PRIMARY KEY, user INTEGER NOT NULL, name TEXT NOT NULL, seen_at INTEGER NOT NULL, subscriptions TEXT NOT NULL, max_bytes INTEGER NOT NULL, UNIQUE (user, name) );
CREATE TABLE cursor ( device INTEGER NOT NULL, chat INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (device, chat) ) WITHOUT ROWID;
CREATE UNIQUE INDEX log_number ON log (chat, number);
CREATE UNIQUE INDEX log_position ON log (writer, position);
CREATE INDEX log_deleted ON log (chat, target) WHERE type = 3;
CREATE INDEX member_user ON member (user);
CREATE INDEX device_seen ON device (seen_at);
INSERT INTO store VALUES (1, 'HFqBeNBWBXBp0upwVaqrBQ', X'1bc563635a1fea9c15d35582586203cc46ba15f3bf8ff18238098f73ca29055c', '4VQ9O6rtUgmBnKD7-1KUWw');
INSERT INTO user VALUES (1, 'alice', 1795855655006);
INSERT INTO user VALUES (2, 'bob', 1795855655010);
INSERT INTO user VALUES (3, 'carol', 1795855655011);
INSERT INTO writer VALUES (1, '4VQ9O6rtUgmBnKD7-1KUWw', 8);
INSERT INTO chat VALUES (1, 'GqOi0tgLQo7Ro6JvHkvS5Q', 6, X'01003d502266f19199795f7d2de16d8e', 1795855655055, 0);
INSERT INTO chat VALUES (2, 'pdmYVUPWJyOkLXJRrWIEzA', 2, X'69558be703a48c9255ec63eb604a9356', 1795855655035, 0);
INSERT INTO log VALUES (1, 1, 1, 4, 1, 1795855655012, 1, 1, 0, 0, 0, 0, CAST(X'017270632f63726561746550656572546f50656572436861742f616c6963652d31303030303033' AS TEXT), X'96eeff563b3135e3f77964e8c062328f', NULL, X'8a9ba0d73070b358ffcc3ad6ec43aa78', X'05e3f3200f78aa31093b695226d46d36', NULL, '{"members":[{"userID":"alice","role":"member"},{"userID":"bob","role":"member"}]}', NULL);
INSERT INTO log VALUES (2, 1, 2, 1, 1, 1795855655024, 1, 2, 0, 0, 0, 0, 'a1', X'ec4d2909435b41d4fadc9e65715a0fc7', NULL, X'eefbd14202979b71d28d191b9a0cd84f', X'9e223a290f44fc9a495fcfe225732466', NULL, 'hello', NULL);
INSERT INTO log VALUES (3, 1, 3, 1, 2, 1795855655025, 1, 3, 2, 0, 2, 0, 'bob-1000004', X'b4706cf3bddb79a2524114d6993fb1d1', NULL, X'943a773a72d862584d2f715a4d66e7c9', X'8559ed31497c649b42cde74bf54584ef', X'a86f896d92a7950e0c540b0be3d70f91', 'hello to you', 'hello');
INSERT INTO log VALUES (4, 1, 4, 1, 1, 1795855655026, 1, 4, 0, 0, 0, 0, CAST(X'02345651394f36727455676d426e4b44372d314b5557772f31373935383535363534393837303030' AS TEXT), X'd83248ea006d0af8365143b4c200bce7', NULL, X'77d6f669f251ee32de6f5961a0c2c45a', X'a934ab1fa9309390f52253d4595b17e6', NULL, 'without any ID', NULL);
INSERT INTO log VALUES (5, 1, 5, 1, 1, 1795855655031, 1, 5, 0, 0, 0, 0, 'alice-1000005', X'dd0f68555b0bca193d768e55297533b8', 'text/markdown', X'e5b838cf1f61880b499b080753c62ad9', X'545a854d57d77aa43a2da9b25705e5a1', NULL, CAST(X'2a2ac3bc6265722a2a0a2271756f7465642220e29882' AS TEXT), NULL);
INSERT INTO log VALUES (6, 2, 1, 4, 3, 1795855655035, 1, 6, 0, 0, 0, 0, NULL, X'00000000000000000000000000000000', NULL, X'19252e6290cb706e30d204ae96593758', X'e2db945ad546bb518b90ed90d1e5d2de', NULL, '{"members":[{"userID":"carol","role":"member"},{"userID":"alice","role":"member"}]}', NULL);
INSERT INTO log VALUES (7, 2, 2, 1, 3, 1795855655035, 1, 7, 0, 0, 0, 0, 'carol-1000006', X'c0b0e23eddfba75d6212032ecd5c86b1', NULL, X'69558be703a48c9255ec63eb604a9356', X'f937c6f61b2439adfc58496fc0e87b6c', NULL, 'it''s me', NULL);
INSERT INTO log VALUES (8, 1, 6, 1, 1, 1795855655055, 1, 8, 0, 0, 0, 0, 'alice-1000011', X'1c76b36b187bb6c0bd77d66c40da35e6', NULL, X'01003d502266f19199795f7d2de16d8e', X'539c352373e90bf1ac97aff760669234', NULL, 'while the tablet was away', NULL);
INSERT INTO dedup VALUES (2969, -8011903394566459237, 1, 1);
INSERT INTO dedup VALUES (2969, -7188826846734632244, 2, 7);
INSERT INTO dedup VALUES (2969, -5873513442297445033, 1, 5);
INSERT INTO dedup VALUES (2969, 3414322678157008474, 1, 8);
INSERT INTO dedup VALUES (2969, 4481745007243696960, 1, 3);
INSERT INTO dedup VALUES (2969, 6154314307474178495, 1, 2);
INSERT INTO member VALUES (1, 1, 1, 0, 0);
INSERT INTO member VALUES (1, 2, 1, 5, 3);
INSERT INTO member VALUES (2, 1, 1, 0, 0);
INSERT INTO member VALUES (2, 3, 1, 0, 0);
INSERT INTO membership VALUES (1, 1, 1, 0);
INSERT INTO membership VALUES (1, 2, 1, 0);
INSERT INTO membership VALUES (2, 1, 1, 0);
INSERT INTO membership VALUES (2, 3, 1, 0);
INSERT INTO device VALUES (1, 1, 'phone', 1795855655167, CAST(X'2a0a3120230a' AS TEXT), 0);
INSERT INTO device VALUES (2, 2, 'phone', 1795855655168, CAST(X'2a0a3120230a' AS TEXT), 0);
INSERT INTO device VALUES (3, 3, 'phone', 1795855655170, CAST(X'2a0a3120230a' AS TEXT), 0);
INSERT INTO device VALUES (4, 2, 'tablet', 1795855655040, CAST(X'2a0a3120230a' AS TEXT), 4096);
INSERT INTO cursor VALUES (1, 1, 0);
INSERT INTO cursor VALUES (1, 2, 0);
INSERT INTO cursor VALUES (2, 1, 3);
INSERT INTO cursor VALUES (3, 2, 0);
INSERT INTO cursor VALUES (4, 1, 5);
-- {"user":"alice","operation":"ListChats","arguments":{},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","chats":[{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","name":"bob","unread":1,"muted":false,"mostRecentMessage":{"messageID":6,"senderName":"alice","body":"while the tablet was away","receivedAt":1795855655055}},{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","name":"carol","unread":1,"muted":false,"mostRecentMessage":{"messageID":2,"senderName":"carol","body":"it's me","receivedAt":1795855655035}}]}}
-- {"user":"alice","operation":"fetchSnapshotAndTransactions","arguments":{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","clientTransactionID":0},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","snapshot":{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","latestTransactionID":6,"role":"member","head":"AQA9UCJm8ZGZeV99LeFtjg","memberCount":2,"members":[{"userID":"alice","role":"member","received":0,"read":0},{"userID":"bob","role":"member","received":5,"read":3}]},"transactions":[{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":1,"type":"memberAdded","senderID":"alice","at":1795855655012,"members":[{"userID":"alice","role":"member"},{"userID":"bob","role":"member"}],"head":"ipug1zBws1j_zDrW7EOqeA"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":2,"type":"message","senderID":"alice","at":1795855655024,"messageID":2,"body":"hello","commandID":"a1","head":"7vvRQgKXm3HSjRkbmgzYTw"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":3,"type":"message","senderID":"bob","at":1795855655025,"messageID":3,"body":"hello to you","repliedTo":{"messageID":2,"body":"hello"},"commandID":"bob-1000004","head":"lDp3OnLYYlhNL3FaTWbnyQ"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":4,"type":"message","senderID":"alice","at":1795855655026,"messageID":4,"body":"without any ID","head":"d9b2afJR7jLeb1lhoMLEWg"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":5,"type":"message","senderID":"alice","at":1795855655031,"messageID":5,"body":"**über**\n\"quoted\" ☂","contentType":"text/markdown","commandID":"alice-1000005","head":"5bg4zx9hiAtJmwgHU8Yq2Q"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":6,"type":"message","senderID":"alice","at":1795855655055,"messageID":6,"body":"while the tablet was away","commandID":"alice-1000011","head":"AQA9UCJm8ZGZeV99LeFtjg"}]}}
-- {"user":"alice","operation":"getReaders","arguments":{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","messageID":2},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","count":1,"userIDs":["bob"]}}
-- {"user":"alice","operation":"fetchSnapshotAndTransactions","arguments":{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","clientTransactionID":0},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","snapshot":{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","latestTransactionID":2,"role":"member","head":"aVWL5wOkjJJV7GPrYEqTVg","memberCount":2,"members":[{"userID":"alice","role":"member","received":0,"read":0},{"userID":"carol","role":"member","received":0,"read":0}]},"transactions":[{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","transactionID":1,"type":"memberAdded","senderID":"carol","at":1795855655035,"members":[{"userID":"carol","role":"member"},{"userID":"alice","role":"member"}],"head":"GSUuYpDLcG4w0gSullk3WA"},{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","transactionID":2,"type":"message","senderID":"carol","at":1795855655035,"messageID":2,"body":"it's me","commandID":"carol-1000006","head":"aVWL5wOkjJJV7GPrYEqTVg"}]}}
-- {"user":"alice","operation":"getReaders","arguments":{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","messageID":2},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","count":0,"userIDs":[]}}
-- {"user":"bob","operation":"ListChats","arguments":{},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","chats":[{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","name":"alice","unread":3,"muted":false,"mostRecentMessage":{"messageID":6,"senderName":"alice","body":"while the tablet was away","receivedAt":1795855655055}}]}}
-- {"user":"bob","operation":"fetchSnapshotAndTransactions","arguments":{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","clientTransactionID":0},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","snapshot":{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","latestTransactionID":6,"role":"member","head":"AQA9UCJm8ZGZeV99LeFtjg","memberCount":2,"members":[{"userID":"alice","role":"member","received":0,"read":0},{"userID":"bob","role":"member","received":5,"read":3}]},"transactions":[{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":1,"type":"memberAdded","senderID":"alice","at":1795855655012,"members":[{"userID":"alice","role":"member"},{"userID":"bob","role":"member"}],"head":"ipug1zBws1j_zDrW7EOqeA"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":2,"type":"message","senderID":"alice","at":1795855655024,"messageID":2,"body":"hello","commandID":"a1","head":"7vvRQgKXm3HSjRkbmgzYTw"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":3,"type":"message","senderID":"bob","at":1795855655025,"messageID":3,"body":"hello to you","repliedTo":{"messageID":2,"body":"hello"},"commandID":"bob-1000004","head":"lDp3OnLYYlhNL3FaTWbnyQ"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":4,"type":"message","senderID":"alice","at":1795855655026,"messageID":4,"body":"without any ID","head":"d9b2afJR7jLeb1lhoMLEWg"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":5,"type":"message","senderID":"alice","at":1795855655031,"messageID":5,"body":"**über**\n\"quoted\" ☂","contentType":"text/markdown","commandID":"alice-1000005","head":"5bg4zx9hiAtJmwgHU8Yq2Q"},{"chatID":"GqOi0tgLQo7Ro6JvHkvS5Q","transactionID":6,"type":"message","senderID":"alice","at":1795855655055,"messageID":6,"body":"while the tablet was away","commandID":"alice-1000011","head":"AQA9UCJm8ZGZeV99LeFtjg"}]}}
-- {"user":"carol","operation":"ListChats","arguments":{},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","chats":[{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","name":"alice","unread":0,"muted":false,"mostRecentMessage":{"messageID":2,"senderName":"carol","body":"it's me","receivedAt":1795855655035}}]}}
-- {"user":"carol","operation":"fetchSnapshotAndTransactions","arguments":{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","clientTransactionID":0},"result":{"epoch":"HFqBeNBWBXBp0upwVaqrBQ","snapshot":{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","latestTransactionID":2,"role":"member","head":"aVWL5wOkjJJV7GPrYEqTVg","memberCount":2,"members":[{"userID":"alice","role":"member","received":0,"read":0},{"userID":"carol","role":"member","received":0,"read":0}]},"transactions":[{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","transactionID":1,"type":"memberAdded","senderID":"carol","at":1795855655035,"members":[{"userID":"carol","role":"member"},{"userID":"alice","role":"member"}],"head":"GSUuYpDLcG4w0gSullk3WA"},{"chatID":"pdmYVUPWJyOkLXJRrWIEzA","transactionID":2,"type":"message","senderID":"carol","at":1795855655035,"messageID":2,"body":"it's me","commandID":"carol-1000006","head":"aVWL5wOkjJJV7GPrYEqTVg"}]}}
