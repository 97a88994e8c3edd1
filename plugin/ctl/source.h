/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_SOURCE_H
#define HC_CTL_SOURCE_H
/* The store that a subcommand looks at. One thread, blocks. */

#include "base/buf.h"
#include "plugin/ctl/ctl.h"
#include "storage/store.h"

/* A store that many brokers write to knows each by a name; ours is none of theirs, also where the URI has the one of a broker, which would take what
 * we tell for its own. */
#define SOURCE_WRITER "hyperchatctl"

/* What one page of a log takes: enough to be fast, little enough for any machine. */
extern const struct page_limits source_page;

/* Opens a store that is there already; unlike a broker, a tool never makes one. A file that another process has open is refused; who writes to a MongoDB
 * server cannot be seen. CTL_OK, or it has said what is wrong. */
int source_open(const struct ctl_command *command, const char *uri, struct store **store);
/* Likewise one that a broker may be using at the moment: an older schema is refused, and not changed under it. */
int source_open_in_use(const struct ctl_command *command, const char *uri, struct store **store);
/* As source_open, but makes one where there is none. */
int source_make(const struct ctl_command *command, const char *uri, struct store **store);
/* Likewise, by flags of store.h, and says nothing. */
enum store_rc source_try(const char *uri, unsigned flags, struct store **store, struct error *err);
/* Of sqlite:<file> the file, NULL: it is something else. */
const char *source_file(const char *uri);
void source_close(struct store *store); /* NULL is fine */

#endif
