// A plugin built against the header of each release loads and works in this one: abi_1_0/.
#include <doctest/doctest.h>

#include "loading.hpp"
#include "plugin/instance.hpp"
#include "plugin/options.hpp"

using namespace peerhold;

struct ph_instance {
  std::size_t sent = 0;
  ph_link aborted = 0;
};

TEST_CASE("1.0") {
  const PluginDir dir;
  const auto loaded = dir.load("frozen");
  REQUIRE_MESSAGE(loaded, loaded.error().text);
  const auto& library = **loaded;
  CHECK(library.plugin().max_frame == 4096);
  CHECK(library.plugin().metrics[1].label == std::string("kind"));
  CHECK(library.facts().app_optional);
  CHECK(library.facts().default_link == LinkMode::per_client);
  CHECK(library.facts().default_port == 179);
  CHECK(library.facts().default_dscp == 48u);
  REQUIRE(library.facts().schema.size() == 6);
  CHECK(library.facts().schema[1].live);
  CHECK(library.facts().schema[5].fields.at(1).item == OptionType::string);

  std::vector<Diagnostic> wrong;
  const auto options = check_table(library.facts().schema, nullptr, "s", {}, wrong);
  CHECK(wrong.empty());
  const PluginConfig config(library.facts().schema, options);

  ph_instance me;
  ph_host host{};
  host.struct_size = sizeof host;
  fill_option_functions(host);
  host.send = [](ph_instance* i, ph_link, const void*, std::size_t n) -> std::ptrdiff_t {
    i->sent += n;
    return static_cast<std::ptrdiff_t>(n) - 1;
  };
  host.close = [](ph_instance* i, ph_link link, bool abort) {
    if (abort) i->aborted = link;
    return int{PH_OK};
  };
  ph_open how{};
  how.struct_size = sizeof how;
  how.session = "s";
  how.persistent = how.active = 1;
  how.instances = 3;
  how.config = config.get();

  Log log(2);
  const std::string session = "s";
  Instance instance(library, &me, session, log);
  REQUIRE(instance.open(host, how) == PH_OK);
  ph_link_info info{};
  info.struct_size = sizeof info;
  info.flags = PH_LINK_OUTGOING;
  info.remote.port = 179;
  CHECK(instance.on_up(PH_PEER, info) == PH_OK);
  const std::uint8_t bytes[5] = {};
  CHECK(instance.on_data(PH_PEER, bytes) == 4);
  CHECK(me.sent == 5);
  instance.on_down(3, {sizeof(ph_down), PH_HOLD_EXPIRED, "", 11});
  CHECK(me.aborted == 3);
  // What came later is not there, and not looked for.
  const bool none = library.plugin().report == nullptr && library.plugin().command == nullptr;
  CHECK(none);
  CHECK_FALSE(instance.report());
  std::string reply;
  CHECK(instance.command(PH_CMD_HOLD, 1, reply) == PH_ENOTSUP);
  CHECK(instance.status() == "{\"n\":5}");
  CHECK(instance.take_fault() == "");
}
