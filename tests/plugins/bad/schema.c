/* One wrong option, by CASE. */
#include "least.h"

static const char* const words[] = {"on", "off", NULL};
static const struct ph_option fields[] = {{.name = "x", .help = "X.", .type = PH_BOOL}};
static const struct ph_option options[] = {
    {.name = "mode",
     .help = "Which.",
     .default_value = "\"on\"",
     .choices = words,
     .type = PH_CHOICE},
#if CASE == 1
    {.name = NULL, .help = "Nameless.", .type = PH_INT},
#elif CASE == 2
    {.name = "Upper Case", .help = "A name that no key has.", .type = PH_INT},
#elif CASE == 3
    {.name = "mode", .help = "Twice.", .type = PH_INT},
#elif CASE == 4
    {.name = "bad", .help = "Of a type to come.", .type = 99},
#elif CASE == 5
    {.name = "bad",
     .help = "Both.",
     .default_value = "1",
     .type = PH_INT,
     .flags = PH_OPT_REQUIRED},
#elif CASE == 6
    {.name = "bad", .help = "Nothing fits.", .min = 2, .max = 1, .type = PH_INT},
#elif CASE == 7
    {.name = "bad", .help = "Of nothing.", .type = PH_CHOICE},
#elif CASE == 8
    {.name = "bad",
     .help = "Not of the choices.",
     .default_value = "\"maybe\"",
     .choices = words,
     .type = PH_CHOICE},
#elif CASE == 9
    {.name = "bad", .help = "No TOML.", .default_value = "ninety s", .type = PH_DURATION_MS},
#elif CASE == 10
    {.name = "bad",
     .help = "Out of its own range.",
     .default_value = "7",
     .min = 1,
     .max = 5,
     .type = PH_INT},
#elif CASE == 11
    {.name = "bad", .help = "Empty.", .type = PH_TABLE},
#elif CASE == 12
    {.name = "bad", .help = "Of tables.", .type = PH_LIST, .item_type = PH_TABLES},
#elif CASE == 13
    {.name = "bad", .type = PH_INT},
#elif CASE == 14
    {.name = "bad", .help = "Fields of a number.", .type = PH_INT, .fields = fields, .n_fields = 1},
#endif
};
const struct ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT,        .name = "schema",   LEAST_WORDS,
    LEAST_CALLS,           .options = options, .n_options = sizeof options / sizeof *options,
    .on_data = least_data,
};
