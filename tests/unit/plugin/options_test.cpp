// Options from a plugin's declaration to what it reads back.
#include <doctest/doctest.h>

#include "plugin/options.hpp"

using namespace peerhold;

namespace {

const char* const words[] = {"red", "green", nullptr};
const ph_option route[] = {
    {.name = "to", .help = "1.", .type = PH_ENDPOINT, .flags = PH_OPT_REQUIRED},
    {.name = "names", .help = "2.", .default_value = "[]", .type = PH_LIST, .item_type = PH_STRING},
};
const ph_option declared[] = {
    {.name = "flag", .help = "1.", .default_value = "true", .type = PH_BOOL},
    {.name = "wait",
     .help = "2.",
     .default_value = "\"none\"",
     .min = 100,
     .max = 5000,
     .type = PH_DURATION_MS},
    {.name = "colour",
     .help = "3.",
     .default_value = "\"green\"",
     .choices = words,
     .type = PH_CHOICE},
    {.name = "text", .help = "4.", .type = PH_STRING, .flags = PH_OPT_LIVE},
    {.name = "route", .help = "5.", .type = PH_TABLES, .fields = route, .n_fields = 2},
};
enum : std::uint32_t { flag, wait, colour, text, routes, beyond };
enum : std::uint32_t { to, names };

ph_plugin with(const ph_option* options, std::uint32_t n) {
  ph_plugin plugin{};
  plugin.option_size = sizeof(ph_option);
  plugin.options = options;
  plugin.n_options = n;
  return plugin;
}

Value value(std::variant<bool, std::int64_t, double, std::string, DateTime, Array, Tree> v,
            std::uint32_t line) {
  return Value{std::move(v), {"f", line, 1}};
}

struct Read {
  Schema schema = *schema_of(with(declared, 5));
  std::vector<Diagnostic> wrong;
  Checked values;
  ph_host host{};
  std::vector<Diagnostic> complained;
  Complaints complaints{"session \"s\"", &complained};

  explicit Read(const Value* tree) : values(check_table(schema, tree, "s", {"f", 1, 1}, wrong)) {
    fill_option_functions(host);
  }
  PluginConfig config() { return {schema, values, &complaints}; }
};

}  // namespace

TEST_CASE("a declaration becomes the core's schema") {
  const auto schema = schema_of(with(declared, 5));
  REQUIRE(schema);
  REQUIRE(schema->size() == 5);
  CHECK((*schema)[1].min == 100);
  CHECK((*schema)[1].default_text == "\"none\"");
  CHECK((*schema)[2].choices == std::vector<std::string>{"red", "green"});
  CHECK((*schema)[3].live);
  CHECK((*schema)[4].fields[0].required);
  CHECK(schema_of(with(nullptr, 0))->empty());
  CHECK_FALSE(schema_of(with(nullptr, 1)));
  auto small = with(declared, 5);
  small.option_size = 8;
  CHECK_FALSE(schema_of(small));
}

TEST_CASE("tables in tables end somewhere") {
  static ph_option endless{.name = "deep", .help = "1.", .type = PH_TABLE, .n_fields = 1};
  endless.fields = &endless;
  const auto schema = schema_of(with(&endless, 1));
  REQUIRE_FALSE(schema);
  CHECK(schema.error().text.find("nested") != std::string::npos);
}

TEST_CASE("defaults as a plugin reads them") {
  Read read(nullptr);
  CHECK(read.wrong.empty());
  const auto config = read.config();
  const auto* c = config.get();
  const auto& h = read.host;
  CHECK(h.opt_int(c, flag) == 1);
  CHECK(h.opt_int(c, wait) == -1);
  CHECK(h.opt_int(c, colour) == 1);
  CHECK(h.opt_str(c, colour) == std::string("green"));
  CHECK(h.opt_str(c, text) == nullptr);
  CHECK(h.opt_count(c, text) == 0);
  CHECK(h.opt_count(c, flag) == 1);
  CHECK(h.opt_count(c, routes) == 0);
  CHECK(h.opt_table(c, routes, 0) == nullptr);
}

TEST_CASE("given values, nested ones too, survive a move of the config") {
  Tree one{{"to", value(std::string("127.0.0.1:80"), 5), {}},
           {"names", value(Array{value(std::string("a"), 6), value(std::string("b"), 6)}, 6), {}}};
  Tree all{{"wait", value(std::string("2s"), 2), {}},
           {"text", value(std::string("hello"), 3), {}},
           {"route", value(Array{value(one, 4), value(one, 7)}, 4), {}}};
  const auto tree = value(all, 1);
  Read read(&tree);
  CHECK(read.wrong.empty());
  const auto config = read.config();
  const auto* c = config.get();
  const auto& h = read.host;
  CHECK(h.opt_int(c, wait) == 2000);
  CHECK(h.opt_str(c, text) == std::string("hello"));
  REQUIRE(h.opt_count(c, routes) == 2);
  const auto* r = h.opt_table(c, routes, 1);
  REQUIRE(r != nullptr);
  CHECK(h.opt_str(r, to) == std::string("127.0.0.1:80"));
  REQUIRE(h.opt_count(r, names) == 2);
  CHECK(h.opt_item(r, names, 1) == std::string("b"));
  CHECK(h.opt_item(r, names, 2) == nullptr);

  h.complain(r, to, "is not ours\n");
  h.complain(c, beyond, "all of it");
  h.complain(c, wait, nullptr);
  REQUIRE(read.complained.size() == 3);
  CHECK(read.complained[0].text == "session \"s\": route[2].to: is not ours\\n");
  CHECK(read.complained[0].at == Location{"f", 5, 1});
  CHECK(read.complained[1].text == "session \"s\": all of it");
  CHECK(read.complained[2].text.find("wait: refused") != std::string::npos);
}

TEST_CASE("a plugin reads the same of what a running session keeps") {
  Tree given{{"flag", value(false, 1), {}}, {"text", value(std::string("x"), 2), {}}};
  const Value tree = value(given, 1);
  Read r(&tree);
  Checked none = check_table(r.schema, nullptr, "s", {}, r.wrong);
  r.values.keep_given(none);
  CHECK(r.values.slots.size() == 2);
  const PluginConfig config = r.config();
  CHECK(r.host.opt_int(config.get(), flag) == 0);
  CHECK(r.host.opt_int(config.get(), wait) == -1);
  CHECK(r.host.opt_int(config.get(), colour) == 1);
  CHECK(std::string(r.host.opt_str(config.get(), text)) == "x");
  CHECK(r.host.opt_count(config.get(), routes) == 0);
}

TEST_CASE("questions outside of the schema get neutral answers") {
  Read read(nullptr);
  const auto config = read.config();
  const auto& h = read.host;
  for (const ph_config* c : {config.get(), static_cast<const ph_config*>(nullptr)}) {
    CHECK(h.opt_int(c, beyond) == 0);
    CHECK(h.opt_str(c, beyond) == nullptr);
    CHECK(h.opt_count(c, beyond) == 0);
    CHECK(h.opt_item(c, flag, 0) == nullptr);
    CHECK(h.opt_table(c, beyond, 0) == nullptr);
  }
  h.complain(nullptr, 0, "to nobody");
  CHECK(read.complained.empty());
}
