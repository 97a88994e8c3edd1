/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_LOGIN_H
#define HC_BROKER_LOGIN_H
/* How one gets in, and stays: tokens as passwords, by AUTH (MQTT 5 §4.12, method LOGIN_METHOD), and by renewToken. All answers are Mosquitto's
 * return codes. Broker thread.
 *
 * "Try again" (the keys of the issuer are not here yet) is told as far as the host lets us: MQTT 5 on 2.1 gets 0x88, server unavailable; all
 * others see the connection close without a CONNACK, as when the broker is away, and come back by themselves. */

#include <stdbool.h>
#include <stdint.h>

#define LOGIN_METHOD "JWT"

struct server;
struct session;
struct verdict;
struct mosquitto;
struct mosquitto_evt_extended_auth;

/* BASIC_AUTH. */
int login_by_password(struct server *server, struct mosquitto *client, const char *username, const char *password);

/* EXT_AUTH_START: at CONNECT, or at AUTH of a client that is connected. The token is the whole exchange. */
int login_by_auth(struct server *server, const struct mosquitto_evt_extended_auth *event);

/* EXT_AUTH_CONTINUE: there never is an exchange of ours to be continued. */
int login_goes_on(struct server *server, const struct mosquitto_evt_extended_auth *event);

/* Extends the connection to the end of this token, *expires_ms by the wall clock. false: *verdict; it is as it was. */
bool login_renew(struct server *server, struct session *session, const char *token, int64_t *expires_ms, struct verdict *verdict);

#endif
