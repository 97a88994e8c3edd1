/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_REMOVAL_H
#define HC_BROKER_REMOVAL_H
/* Devices that their user has removed: whoever is connected as one is cut off, and nothing more of it is stored. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

struct rpc_request;
struct server;

/* For struct rpc_world. removal_happened: the store has done it; the other brokers are told. */
void removal_begins(const struct rpc_request *request, const char *device);
void removal_happened(const struct rpc_request *request, const char *device, bool token_ended);
bool removal_is_connected(const struct rpc_request *request, const char *device);

/* A device that is not connected is forgotten, not for its user's wish: it may come back as a new one. Tried once. */
void removal_forgets(struct server *server, const char *user_id, const char *device);

/* Another broker's word. subject: user ID, '/', device. */
void removal_elsewhere(struct server *server, const char *subject, int64_t at_ms);

#endif
