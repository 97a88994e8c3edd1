/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_PARTING_H
#define HC_BROKER_PARTING_H
/* Who has left a chat, and those of it who watch him, or whom he watches, on however many connections: with each of them he may share no other one.
 * The store is asked about some of them at a time, and one job at a time for each who left: so who leaves a group in which he and others have hundreds
 * of connections takes nothing from those who read. Broker thread; the reads run on readers. */

struct server;

/* The two are to be looked at, now or once more. */
void parting_add(struct server *server, const char *user_id, const char *other_id);

/* Has those whom parting_add named looked at: who shares no chat with him is parted from him (presence_part). */
void parting_start(struct server *server, const char *user_id);

#endif
