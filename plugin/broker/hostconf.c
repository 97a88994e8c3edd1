#include "plugin/broker/hostconf.h"
extern int hostconf_placeholder; int hostconf_placeholder;
