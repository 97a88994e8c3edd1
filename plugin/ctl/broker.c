/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl broker: the connection's options, named as mosquitto_ctrl does. One thread, blocks. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/desk.h"

enum { PASSWORD_MAX = 65535, NAME_WIDTH = 21 };

struct options {
	struct link_conf link;
	const char *port, *password_file;
};

static const struct {
	const char *letter, *name; /* letter NULL: none */
	size_t offset;             /* of a text in struct options */
	bool flag;                 /* of a bool there */
	const char *value, *help;
} OPTIONS[] = {
	{"-h", "--host", offsetof(struct options, link.host), false, "HOST", "the broker's; localhost as without it"},
	{"-p", "--port", offsetof(struct options, port), false, "PORT", "1883, with TLS 8883, as without it; 0: HOST is a socket's file"},
	{"-u", "--username", offsetof(struct options, link.username), false, "NAME", "the operator's user ID; a token goes without"},
	{"-P", "--pw", offsetof(struct options, link.password), false, "TOKEN", "the token; others on the machine may see it"},
	{NULL, "--pw-file", offsetof(struct options, password_file), false, "FILE", "the token is the first line of FILE, - is standard input"},
	{"-i", "--id", offsetof(struct options, link.client_id), false, "ID", "the client ID"},
	{"-A", "--bind", offsetof(struct options, link.bind_address), false, "ADDRESS", "the address to connect from"},
	{NULL, "--cafile", offsetof(struct options, link.cafile), false, "FILE", "TLS: the authorities that may have signed the broker's certificate"},
	{NULL, "--capath", offsetof(struct options, link.capath), false, "DIRECTORY", "the same, as a directory"},
	{NULL, "--tls-use-os-certs", offsetof(struct options, link.os_certificates), true, "", "TLS: the system's authorities"},
	{NULL, "--cert", offsetof(struct options, link.certfile), false, "FILE", "TLS: the operator's own certificate"},
	{NULL, "--key", offsetof(struct options, link.keyfile), false, "FILE", "and its key"},
	{NULL, "--ciphers", offsetof(struct options, link.ciphers), false, "LIST", "TLS: those that may be used"},
	{NULL, "--tls-version", offsetof(struct options, link.tls_version), false, "VERSION", "TLS: as tlsv1.3"},
	{NULL, "--insecure", offsetof(struct options, link.insecure), true, "", "TLS: whatever name the broker's certificate has"},
};
enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static void print_usage(void)
{
	struct buf out = BUF_EMPTY;
	buf_add_text(&out, "Usage: hyperchatctl broker [CONNECTION OPTION…] COMMAND [ARGUMENT…] [--json]\n\n"
					   "Has a running broker do something, as an operator: a user whose token says so, or whom the option operators names.\n"
					   "mosquitto_ctrl hyperchat does the same. Arguments in brackets but --after may also follow the others without their\n"
					   "names; COMMAND --help tells those of one. --json prints the answer as it comes; without it, times are those of this machine. Exit code 1: the broker refused or failed.\n\n");
	for (size_t i = 0; i < OPTION_COUNT; i++)
		buf_printf(&out, "  %2s%s %s %-*s  %s\n", OPTIONS[i].letter ? OPTIONS[i].letter : "", OPTIONS[i].letter ? "," : " ", OPTIONS[i].name,
			NAME_WIDTH - (int)strlen(OPTIONS[i].name), OPTIONS[i].value, OPTIONS[i].help);
	buf_add_text(&out, "\nCommands:\n\n");
	desk_add_commands(&out, true);
	fputs(out.data, stdout);
	buf_fini(&out);
}

static int find(const char *text)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (strcmp(text, OPTIONS[i].name) == 0 || (OPTIONS[i].letter != NULL && strcmp(text, OPTIONS[i].letter) == 0))
			return i;
	return -1;
}

/* Up to the command. *at is its place. */
static int read_options(const struct ctl_command *command, struct options *options, int argc, char **argv, int *at)
{
	for (*at = 1; *at < argc && argv[*at][0] == '-' && strcmp(argv[*at], "--json") != 0; (*at)++) {
		int option = find(argv[*at]);
		if (option < 0)
			return ctl_misused(command, "'%s' is no option of the connection", argv[*at]);
		char *field = (char *)options + OPTIONS[option].offset;
		if (OPTIONS[option].flag)
			*(bool *)field = true;
		else if (*at + 1 == argc)
			return ctl_misused(command, "'%s' lacks its value", argv[*at]);
		else
			*(const char **)field = argv[++*at];
	}
	return CTL_OK;
}

/* The first line; the caller frees. NULL: it has been said. */
static char *read_password(const struct ctl_command *command, const char *name)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
	char *line = file != NULL ? mem_new(PASSWORD_MAX + 2) : NULL;
	bool read = line != NULL && fgets(line, PASSWORD_MAX + 2, file) != NULL;
	if (!read)
		ctl_failed(command, "--pw-file %s: %s", name, file == NULL || ferror(file) ? strerror(errno) : "it is empty");
	else
		line[strcspn(line, "\r\n")] = '\0';
	if (file != NULL && file != stdin)
		fclose(file);
	if (!read)
		free(line);
	return read ? line : NULL;
}

static bool is_here(const char *host)
{
	return host == NULL || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static int run_with(const struct ctl_command *command, struct options *options, int argc, char **argv)
{
	uint64_t port = 0;
	struct link_conf *conf = &options->link;
	bool tls = conf->cafile != NULL || conf->capath != NULL || conf->os_certificates;
	if (options->port != NULL && !text_to_u64(options->port, strlen(options->port), 65535, &port))
		return ctl_misused(command, "--port '%s' is none", options->port);
	conf->port = options->port != NULL ? (int)port : -1;
	if (conf->password != NULL && conf->username == NULL)
		conf->username = "jwt"; /* the plugin takes it for none */
	if (conf->password != NULL && !tls && conf->port != 0 && conf->port != 8883 && !is_here(conf->host))
		fputs("hyperchatctl broker: without TLS (--cafile, --tls-use-os-certs) the token can be read on the way\n", stderr);
	return desk_run(conf, "hyperchatctl broker", argc, argv);
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	struct options options = {.port = NULL};
	char *password = NULL;
	int at;
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		print_usage();
		return CTL_OK;
	}
	int rc = read_options(command, &options, argc, argv, &at);
	if (rc != CTL_OK)
		return rc;
	if (options.password_file != NULL) {
		options.link.password = password = read_password(command, options.password_file);
		if (password == NULL)
			return CTL_FAILED;
	}
	rc = run_with(command, &options, argc - at, argv + at);
	free(password);
	return rc;
}

const struct ctl_command ctl_broker = {
	.name = "broker",
	.summary = "have a running broker do something (also: hyperchatctl --broker …)",
	.usage = "", /* made of the table of commands: print_usage */
	.run = run,
};
