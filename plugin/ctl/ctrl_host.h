/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_CTRL_HOST_H
#define HC_CTL_CTRL_HOST_H
/* What mosquitto_ctrl and its modules know of each other. Mosquitto does not install its header (apps/mosquitto_ctrl/mosquitto_ctrl.h), so what is needed
 * of it is declared here, as it stands in 2.0.11 to 2.1.2, built with TLS as Debian does. Behind these members the versions differ, so nothing behind
 * them is touched, and the connection is made by ourselves.
 *
 * `mosquitto_ctrl hyperchat …` opens "mosquitto_ctrl_hyperchat.so" where the system looks for libraries, and calls ctrl_main with what follows the
 * module's name. When that returns less than 0, mosquitto_ctrl ends with 0; 0 would have it send a payload, and any other number is an error of the library's,
 * whose text it prints. */

#include <stdbool.h>

struct mosq_config {
	char *id;
	int protocol_version;
	int keepalive;
	char *host;
	int port; /* -1: not given */
	int qos;
	char *bind_address;
	bool debug;
	bool quiet;
	char *username;
	char *password;
	char *options_file;
	char *cafile;
	char *capath;
	char *certfile;
	char *keyfile;
	char *ciphers;
	bool insecure;
	char *tls_alpn;
	char *tls_version;
};

struct mosq_ctrl {
	struct mosq_config cfg;
};

enum { CTRL_MODULE_DONE = -1 };

int ctrl_main(int argc, char *argv[], struct mosq_ctrl *ctrl);
void ctrl_help(void);

#endif
