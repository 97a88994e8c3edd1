/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CLIENT_H
#define HC_BROKER_CLIENT_H
/* What the host knows of a client and its plugin interface does not tell: the socket, and the MQTT 5 maximum packet size.
 *
 * Both stand at the very start of the host's struct (an int, the socket, the size), unchanged from 2.0.11 to 2.1.2. Before they are
 * believed they are checked once against the kernel: the broker's epoll must watch that very socket with that very pointer. Where the
 * check fails, nothing is known, and pacing goes by time. Broker thread. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { CLIENT_ADDRESS_SIZE = INET6_ADDRSTRLEN };

struct mosquitto;

/* The IP address that the client comes from. Of a WebSocket client Mosquitto 2.0 says what its X-Forwarded-For header claims, so it is asked of the
 * socket. false: not known, or none; address is "?". */
bool client_address(const struct mosquitto *client, char address[CLIENT_ADDRESS_SIZE]);

/* The client's socket, -1: not known. */
int client_socket(const struct mosquitto *client);

/* The port that it has come to, 0: a Unix socket, -1: not known. */
int client_port(const struct mosquitto *client);

/* The client's maximum packet size, 0: none, or not known. */
uint32_t client_packet_max(const struct mosquitto *client);

/* Bytes handed to the socket that its peer has not acknowledged, -1: not known. */
int client_backlog(int socket);

/* Whether small packets leave at once, or wait while earlier ones are unacknowledged by the peer's TCP (Nagle's algorithm). */
void client_hurry(int socket, bool hurry);

/* Bytes of its peer that the broker has read from this connection, -1: not known. */
int64_t client_received(int socket);

#endif
