/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: what an operator would look at first. One thread, blocks. */
#include "plugin/ctl/options.h"
#include "plugin/ctl/signon.h"

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
			 "wrong. Run it as the broker's user, so that it may read what the broker reads.\n\n"
			 "  --conf FILE    mosquitto.conf, or the file with the plugin's options (/etc/mosquitto/mosquitto.conf)\n"
			 "  --token FILE   a file with the token; - is standard input, where it is pasted and ended by Ctrl-D\n",
	.run = run,
};
