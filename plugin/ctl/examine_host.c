/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: the broker that the plugin is in. One thread, blocks. Mosquitto's settings are judged by the function that the plugin asks. */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "plugin/auth/printable.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/hostconf_read.h"
#include "plugin/ctl/conffile.h"
#include "plugin/ctl/examine.h"

enum { CERTIFICATE_SOON_DAYS = 14 };

extern char **environ;

/* ---- which Mosquitto ---- */

/* The first words of what `mosquitto -h` says. */
static bool ask_program(const char *program, char *text, size_t size)
{
	int ends[2];
	pid_t pid;
	if (pipe(ends) != 0)
		return false;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	char help[] = "-h", *const arguments[] = {(char *)(uintptr_t)program, help, NULL};
	bool started = posix_spawnp(&pid, program, &actions, NULL, arguments, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	size_t len = 0;
	ssize_t got;
	char rest[512];
	while (started && (got = read(ends[0], len < size - 1 ? text + len : rest, len < size - 1 ? size - 1 - len : sizeof rest)) > 0)
		len += len < size - 1 ? (size_t)got : 0;
	text[len] = '\0';
	close(ends[0]);
	if (started)
		waitpid(pid, NULL, 0);
	return len > 0;
}

static bool find_version(const char *program, int version[3])
{
	char text[256];
	return ask_program(program, text, sizeof text) &&
	       sscanf(text, "mosquitto version %d.%d.%d", &version[0], &version[1], &version[2]) == 3;
}

static void add_command_line(struct buf *command_line, const char *file)
{
	buf_printf(command_line, "mosquitto%c-c%c%s%c", 0, 0, file, 0);
}

static void examine_settings(struct examination *exam)
{
	struct hostconf_finding findings[HOSTCONF_FINDING_MAX];
	const struct conf *conf = exam->conf;
	const struct hostconf_own own = {
		.prefix = conf->prefix, .by_certificate = conf->certificates != CONF_CERTIFICATES_REFUSE, .refuses_plain = conf->unencrypted == CONF_UNENCRYPTED_REFUSE,
		.defers = conf->outside == CONF_OUTSIDE_DEFER};
	int version[3] = {2, 0, 11};
	if (find_version(exam->mosquitto, version))
		exam_fine(exam, "Mosquitto %d.%d.%d", version[0], version[1], version[2]);
	else
		exam_note(exam, "%s does not say its version: its settings are judged as those of 2.0. --mosquitto says where it is", exam->mosquitto);
	struct buf command_line = BUF_EMPTY;
	add_command_line(&command_line, exam->file);
	size_t count = hostconf_check(command_line.data, command_line.len, version, &own, findings, HOSTCONF_FINDING_MAX);
	buf_fini(&command_line);
	for (size_t i = 0; i < count; i++) {
		if (findings[i].fatal)
			exam_wrong(exam, "%s", findings[i].text);
		else
			exam_note(exam, "%s", findings[i].text);
	}
	if (count == 0)
		exam_fine(exam, "Mosquitto's settings go well with the plugin");
}

/* The file may hold the plugin's options alone, then there is nothing to be said. */
static void examine_listeners(struct examination *exam)
{
	static const char *const WORDS[] = {[CONF_UNENCRYPTED_WARN] = "taken, with one line in the broker's log",
		[CONF_UNENCRYPTED_REFUSE] = "refused", [CONF_UNENCRYPTED_ALLOW] = "taken"};
	struct hostconf_settings host;
	struct buf command_line = BUF_EMPTY;
	add_command_line(&command_line, exam->file);
	hostconf_read(command_line.data, command_line.len, false, exam->conf->prefix, &host);
	buf_fini(&command_line);
	for (size_t i = 0; i < host.port_count; i++)
		if (host.ports[i].plain && !host.ports[i].plain_afar)
			exam_fine(exam, "listener %d: without TLS, for this machine alone", host.ports[i].port);
		else if (host.ports[i].plain && host.ports[i].port != 0)
			exam_fine(exam, "listener %d: without TLS. A token that comes there from another machine is %s (unencrypted)", host.ports[i].port,
				WORDS[exam->conf->unencrypted]);
}

/* ---- certificates ---- */

static void judge_certificate(struct examination *exam, const char *file, const X509 *certificate)
{
	int days, seconds;
	char shown[PRINTABLE_SIZE];
	printable(shown, file);
	if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)))
		exam_wrong(exam, "certfile %s: its last day cannot be read", shown);
	else if (days < 0 || seconds < 0)
		exam_wrong(exam, "certfile %s: it has expired, clients do not connect. Get a new one, then reload Mosquitto", shown);
	else if (days < CERTIFICATE_SOON_DAYS)
		exam_note(exam, "certfile %s: it expires in %d days. Get a new one, then reload Mosquitto", shown, days);
	else
		exam_fine(exam, "certfile %s is good for %d days", shown, days);
}

static void examine_line(void *context, const char *name, const char *value)
{
	struct examination *exam = context;
	char shown[PRINTABLE_SIZE];
	if (strcmp(name, "certfile") != 0)
		return;
	FILE *in = fopen(value, "re");
	X509 *certificate = in != NULL ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
	if (in == NULL)
		exam_note(exam, "certfile %s: %s", printable(shown, value), strerror(errno));
	else if (certificate == NULL)
		exam_wrong(exam, "certfile %s holds no certificate in PEM", printable(shown, value));
	else
		judge_certificate(exam, value, certificate);
	X509_free(certificate);
	if (in != NULL)
		fclose(in);
}

/* ---- files ---- */

static void examine_readable(struct examination *exam, const char *option, const char *file)
{
	char shown[PRINTABLE_SIZE];
	if (file[0] != '\0' && access(file, R_OK) != 0)
		exam_wrong(exam, "plugin_opt_%s: %s: %s", option, printable(shown, file), strerror(errno));
}

static void examine_files(struct examination *exam)
{
	const struct conf *conf = exam->conf;
	struct stat found;
	if (geteuid() == 0)
		exam_note(exam, "whether the broker's user may read its files is not seen as root: sudo -u mosquitto hyperchatctl doctor");
	examine_readable(exam, "keys", conf->keys);
	examine_readable(exam, "limits_file", conf->limits_file);
	examine_readable(exam, "issuers_file", conf->issuers_file);
	examine_readable(exam, "oidc_ca", conf->oidc_ca);
	if (conf->keys[0] != '\0' && stat(conf->keys, &found) == 0 && (found.st_mode & S_IWOTH) != 0)
		exam_wrong(exam, "plugin_opt_keys: everybody may write to it, and so log in as anybody. chmod o-w");
}

void examine_host(struct examination *exam)
{
	struct error err;
	exam_part(exam, "broker");
	examine_settings(exam);
	examine_listeners(exam);
	if (!conffile_read(exam->file, examine_line, exam, &err))
		exam_wrong(exam, "%s", err.text);
	examine_files(exam);
}
