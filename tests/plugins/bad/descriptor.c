/* One wrong member of the descriptor, by CASE. */
#include "least.h"

static const struct ph_metric unnamed[] = {{.help = "Nothing."}};

const struct ph_plugin peerhold_plugin_1 = {
#if CASE == 8 /* begun without PH_PLUGIN_INIT */
    .abi_major = 1,
#elif CASE == 9
    .struct_size = sizeof(struct ph_plugin),
    .abi_major = 2,
#else
    PH_PLUGIN_INIT,
#endif
#if CASE == 1
    .name = NULL,
#elif CASE == 2
    .name = "../etc",
#elif CASE == 3
    .name = "retry",
#else
    .name = "descriptor",
#endif
    .version = "1",
#if CASE != 4
    .summary = "For a test.",
#endif
    .licence = "MIT",
#if CASE != 5
    .flags = PH_PER_CLIENT,
#endif
    .open = least_open,
    .close = least_close,
#if CASE != 6
    .on_data = least_data,
#endif
#if CASE == 7
    .metrics = unnamed,
    .n_metrics = 1,
#elif CASE == 10
    .n_options = 3,
#elif CASE == 11
    .default_port = 65536,
#endif
};
