/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ACCESS_H
#define HC_BROKER_ACCESS_H
/* ACL_CHECK: may they publish, subscribe, be delivered to? Answers with one of Mosquitto's codes, for READ only yes or no (an error would
 * disconnect whoever published). Broker thread. */

struct mosquitto_evt_acl_check;
struct server;

int access_check(struct server *server, struct mosquitto_evt_acl_check *event);

#endif
