/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CERTIFICATE_H
#define HC_BROKER_CERTIFICATE_H
/* Clients that have no token but a certificate: those of listeners with use_identity_as_username or use_subject_as_username. Mosquitto itself has
 * verified the certificate, has put its name in the place of whatever username the client sent, and does not ask plugins whether the client may
 * log in. So a session begins when such a client first shows itself: on 2.1 at its CONNECT, on 2.0 when it first subscribes, publishes, or is
 * about to be sent something that was queued.
 *
 * Which listener a client has come by is told by its port alone; so each listener of that port must take names from certificates, by the same
 * rule, with TLS, and the name is read from the certificate again and must be the username. Broker thread. */

struct server;
struct session;
struct mosquitto;

/* The client's session, begun if a certificate says whose it is and the option `certificates` lets it. NULL: it has none. Only for a client that
 * is connected and has no session. */
struct session *certificate_session(struct server *server, struct mosquitto *client);

/* The client goes: what the broker asks about it from now on, as for its last will, begins nothing. */
void certificate_leaves(struct server *server, const struct mosquitto *client);

#endif
