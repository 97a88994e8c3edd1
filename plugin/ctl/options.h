/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_OPTIONS_H
#define HC_CTL_OPTIONS_H
/* The plugin's options as they stand in mosquitto.conf: one thread, blocks on files. */

#include "plugin/conf/conf.h"

/* The plugin_opt_ lines behind the plugin line with mosquitto_hyperchat.so, in the file or in what its include_dir names, checked as the broker
 * does at start. false: err; conf is empty. */
bool options_read(const char *file, struct conf *conf, struct error *err);

#endif
