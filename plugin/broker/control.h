/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CONTROL_H
#define HC_BROKER_CONTROL_H
/* What operators ask of the running broker on $CONTROL/hyperchat/v1 (control_table.h): who may, what arrives, what is answered, and what is written
 * down of it. The commands of one payload are done one after the other; what needs the store runs on a reader. Broker thread.
 *
 * On all versions the host asks for WRITE of the topic first (access.c), then calls us; nothing of it is given to subscribers. An answer goes to the
 * client that asked, by its client ID. */

#include <stdbool.h>

#include <mosquitto_broker.h>

struct server;
struct session;

/* Whether the option `operators` names the user. */
bool control_names(const struct server *server, const char *user_id);

/* Topics below $CONTROL/hyperchat: whether it is one, and whether that client may use it. A refusal is logged. session NULL: from outside. */
bool control_is_topic(const char *topic);
bool control_allows(struct server *server, const struct session *session, const char *topic);

/* The host's event; what it returns would end the connection, so that is always 0. */
int control_take(struct server *server, const struct mosquitto_evt_control *event);

/* Whoever waits for something that is not told by a job. Each tick. */
void control_tick(struct server *server);

void control_free_all(struct server *server);

#endif
