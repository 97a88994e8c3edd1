/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CURSOR_PUT_H
#define HC_BROKER_CURSOR_PUT_H
/* Cursors on their way into the store, many in one call. What the store cannot take now is tried again until it does. What it calls wrong holds up
 * nothing beside it: the others are stored in ever smaller parts, and it is left until its device has got further. Broker thread; storing is a job. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor_put;
struct server;

/* regular: cursor_tick's. Counts in server->cursors_busy until the store has taken them, or will not. */
struct cursor_put *cursor_put_new(struct server *server, bool regular);
void cursor_put_add(struct cursor_put *put, const char *user_id, const char *device, const char *chat_id, uint64_t number);
size_t cursor_put_count(const struct cursor_put *put);

/* Takes it over. In the lane of its users, who are all of one lane, behind what is stored of their devices: the cursors of a device that is not known
 * are passed over. */
void cursor_put_start(struct cursor_put *put);

/* Where the cursors of a connection that goes belong, whoever else goes in this tick: a mass of them that is cut off at once is no mass of commits. */
struct cursor_put *cursor_put_of_leaver(struct server *server, const char *user_id);
/* Those start. Each tick, at the stop, and before anything is read behind what was written. */
void cursor_put_start_left(struct server *server);

#endif
