/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: what an operator would look at first. One thread, blocks. */
#include <stdio.h>

#include "base/buf.h"
#include "plugin/broker/hostconf_read.h"
#include "plugin/ctl/options.h"
#include "plugin/ctl/signon.h"

/* What the broker's configuration says of its listeners; the file may hold the plugin's options alone, then there is nothing to be said. */
static void print_plain(const char *file, const struct conf *conf)
{
	static const char *const WORDS[] = {[CONF_UNENCRYPTED_WARN] = "taken, with one line in the broker's log",
		[CONF_UNENCRYPTED_REFUSE] = "refused", [CONF_UNENCRYPTED_ALLOW] = "taken"};
	struct hostconf_settings host;
	struct buf command_line = BUF_EMPTY;
	buf_printf(&command_line, "mosquitto%c-c%c%s%c", 0, 0, file, 0);
	hostconf_read(command_line.data, command_line.len, false, conf->prefix, &host);
	buf_fini(&command_line);
	for (size_t i = 0; i < host.port_count; i++)
		if (host.ports[i].plain && host.ports[i].port != 0)
			printf("listener %d: without TLS. A token that comes there from another machine is %s (unencrypted)\n", host.ports[i].port,
				WORDS[conf->unencrypted]);
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *file = "/etc/mosquitto/mosquitto.conf", *token = NULL;
	const struct ctl_option options[] = {{"conf", &file, 0}, {"token", &token, 0}, {NULL, NULL, 0}};
	struct conf conf;
	struct error err;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (!options_read(file, &conf, &err))
		return ctl_failed(command, "%s", err.text);
	print_plain(file, &conf);
	rc = signon_examine(command, &conf, token);
	conf_fini(&conf);
	return rc;
}

const struct ctl_command ctl_doctor = {
	.name = "doctor",
	.summary = "look into sign-on: issuers, keys, clocks, and why a token is refused",
	.usage = "Usage: hyperchatctl doctor [--conf FILE] [--token FILE]\n\n"
			 "Reads the broker's configuration, asks each issuer for its keys as the broker does, and says which keys\n"
			 "there are, how old those are that the broker keeps, and how far the issuer's clock is off. With a token it\n"
			 "says whom the broker would let in, or why nobody. The token is never printed. Exit code 1 if something is\n"
			 "wrong. Listeners without TLS are named as well. Run it as the broker's user, so that it may read what it reads.\n\n"
			 "  --conf FILE    mosquitto.conf, or the file with the plugin's options (/etc/mosquitto/mosquitto.conf)\n"
			 "  --token FILE   a file with the token; - is standard input, where it is pasted and ended by Ctrl-D\n",
	.run = run,
};
