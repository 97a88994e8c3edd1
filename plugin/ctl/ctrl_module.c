/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * mosquitto_ctrl's module: `mosquitto_ctrl [options] hyperchat COMMAND …`. One thread, blocks. */
#include <stdio.h>
#include <stdlib.h>

#include "plugin/ctl/ctl.h"
#include "plugin/ctl/ctrl_host.h"
#include "plugin/ctl/desk.h"

#define EXPORT  __attribute__((visibility("default")))
#define PROGRAM "mosquitto_ctrl hyperchat"

EXPORT int ctrl_main(int argc, char *argv[], struct mosq_ctrl *ctrl)
{
	const struct mosq_config *cfg = &ctrl->cfg;
	const struct link_conf conf = {
		.host = cfg->host,
		.port = cfg->port,
		.client_id = cfg->id,
		.bind_address = cfg->bind_address,
		.username = cfg->username != NULL || cfg->password == NULL ? cfg->username : "jwt", /* the plugin takes it for none */
		.password = cfg->password,
		.cafile = cfg->cafile,
		.capath = cfg->capath,
		.certfile = cfg->certfile,
		.keyfile = cfg->keyfile,
		.ciphers = cfg->ciphers,
		.tls_version = cfg->tls_version,
		.insecure = cfg->insecure,
	};
	int rc = desk_run(&conf, PROGRAM, argc, argv);
	if (rc != CTL_OK)
		exit(rc); /* mosquitto_ctrl, which is about to end, would print some error of the library's, and end with its number */
	return CTRL_MODULE_DONE;
}

EXPORT void ctrl_help(void)
{
	struct buf out = BUF_EMPTY;
	buf_add_text(&out, "Usage: " PROGRAM " COMMAND [ARGUMENT…] [--json]\n\n");
	desk_add_commands(&out, true);
	fputs(out.data, stdout);
	buf_fini(&out);
}
