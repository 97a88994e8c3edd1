/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operators did. Broker thread; audit_run on a reader. */
#include "plugin/broker/control_audit.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/control_call.h"
#include "plugin/broker/server.h"

/* ---- writing ---- */

struct audit_job {
	struct job job;
	struct server *server;
	char *who, *subject, *details, *result;
	struct audit_record record; /* points to those */
	bool warned;
	enum store_rc rc;
	struct error err;
};

static void audit_run(struct job *job)
{
	struct audit_job *audit = (struct audit_job *)job;
	audit->rc = store_ops(audit->server->store)->put_audit(audit->server->store, &audit->record, &audit->err);
}

static void audit_done(struct job *job)
{
	struct audit_job *audit = (struct audit_job *)job;
	if (audit->rc != STORE_OK && !audit->warned)
		server_log(MOSQ_LOG_WARNING, "the store does not take what an operator did, trying again: %s", audit->err.text);
	audit->warned = true;
	if (audit->rc != STORE_OK && jobs_repeat(audit->server, NULL, job))
		return;
	free(audit->who);
	free(audit->subject);
	free(audit->details);
	free(audit->result);
	free(audit);
}

static const char *subject_of(const json_t *arguments, const char **name)
{
	static const char *const NAMES[] = {"chat", "user"};
	for (size_t i = 0; i < 2; i++) {
		const char *text = json_string_value(json_object_get(arguments, *name = NAMES[i]));
		if (text != NULL)
			return text;
	}
	return "";
}

/* The arguments but for the subject; "" for none. */
static char *details_of(const struct control_command *command, const json_t *arguments, const char *subject_name)
{
	json_t *details = json_object();
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++) {
		json_t *value = json_object_get(arguments, argument->name);
		if (value != NULL && strcmp(argument->name, subject_name) != 0)
			json_object_set(details, argument->name, value);
	}
	char *text = json_object_size(details) > 0 ? json_dumps(details, JSON_COMPACT) : NULL;
	json_decref(details);
	return text != NULL ? text : mem_text("");
}

void audit_add(struct server *server, const char *who, const struct control_command *command, const json_t *arguments, const char *why)
{
	struct buf line = BUF_EMPTY;
	const char *subject_name, *subject = subject_of(arguments, &subject_name);
	control_add_arguments(command, arguments, &line);
	server_log(MOSQ_LOG_NOTICE, "audit by=%s command=%s %s%sresult=%s%s%s", who, command->name, line.len > 0 ? line.data : "",
		line.len > 0 ? " " : "", why != NULL ? "\"" : "", why != NULL ? why : "ok", why != NULL ? "\"" : "");
	buf_fini(&line);
	struct audit_job *audit = mem_zero(sizeof *audit);
	audit->job = (struct job){.run = audit_run, .done = audit_done};
	audit->server = server;
	audit->who = mem_text(who);
	audit->subject = mem_text(subject);
	audit->details = details_of(command, arguments, subject_name);
	audit->result = mem_text(why != NULL ? why : "ok");
	audit->record = (struct audit_record){server->wall_ms, audit->who, command->name, audit->subject, audit->details, audit->result};
	audit->rc = STORE_UNAVAILABLE;
	if (!workers_add(server->readers, &audit->job))
		audit_done(&audit->job);
}

/* ---- reading ---- */

static void ask_audit(struct control_call *call, struct store *store)
{
	struct audit_list *list = NULL;
	size_t count_max = (size_t)control_number(call, "count", 100);
	call->rc = count_max == 0 ? STORE_OK : store_ops(store)->list_audit(store, NULL, count_max, &list, &call->err);
	call->found = list;
}

static void tell_audit(struct control_call *call)
{
	const struct audit_list *list = call->found;
	json_t *records = json_array();
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		const struct audit_record *record = &list->records[i];
		json_t *shown = json_object();
		control_add_time(shown, "at", record->at_ms);
		control_add_text(shown, "who", record->who);
		control_add_text(shown, "command", record->command);
		control_add_text(shown, "subject", record->subject);
		control_add_text(shown, "details", record->details);
		control_add_text(shown, "result", record->result);
		json_array_append_new(records, shown);
	}
	call->data = json_pack("{s:o}", "records", records);
	control_done(call);
}

void control_list_audit(struct control_call *call)
{
	control_ask(call, ask_audit, tell_audit);
}
