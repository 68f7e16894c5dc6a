// load_plugin FILE: loads a plugin as the keeper does, and passes bytes through one instance of it.
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "plugin/instance.hpp"
#include "plugin/options.hpp"

using namespace peerhold;

struct ph_instance {
  std::string sent;
};

namespace {

std::ptrdiff_t keep(ph_instance* me, ph_link to, const void* data, std::size_t n) {
  me->sent +=
      (to == PH_PEER ? "peer:" : "app:") + std::string(static_cast<const char*>(data), n) + ";";
  return static_cast<std::ptrdiff_t>(n);
}

ph_host host_table() {
  ph_host host{};
  host.struct_size = sizeof host;
  fill_option_functions(host);
  host.send = host.send_whole = keep;
  host.send_eof = [](ph_instance*, ph_link) { return int{PH_OK}; };
  host.close = [](ph_instance*, ph_link, bool) { return int{PH_OK}; };
  host.fail = [](ph_instance*, ph_cause, ph_retry, const char*) {};
  host.log = [](ph_instance*, ph_log, const char*) {};
  host.metric = [](ph_instance*, std::uint32_t, const char*, std::int64_t) {};
  return host;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto library = Library::load(argv[1]);
  if (!library) {
    std::printf("%s\n", library.error().text.c_str());
    return 1;
  }
  const auto& schema = (*library)->facts().schema;
  std::vector<Diagnostic> wrong;
  auto options = check_table(schema, nullptr, "session", {}, wrong);
  for (std::size_t i = 0; i < schema.size(); ++i)
    if (schema[i].name == "greeting") options.slots[i].text = "hello";
  const PluginConfig config(schema, options);

  const auto host = host_table();
  ph_instance me;
  ph_open how{};
  how.struct_size = sizeof how;
  how.session = "session";
  how.persistent = how.instances = 1;
  how.config = config.get();
  Log log;
  const std::string session = "session";
  Instance instance(**library, &me, session, log);
  ph_link_info info{};
  info.struct_size = sizeof info;
  info.text = "192.0.2.1";
  const std::uint8_t bytes[] = {'a', 'b'};
  bool right = wrong.empty() && instance.open(host, how) == PH_OK;
  right = right && instance.on_up(PH_PEER, info) == PH_OK && instance.on_data(PH_PEER, bytes) == 0;
  right = right && instance.on_up(1, info) == PH_OK && instance.on_data(PH_PEER, bytes) == 2 &&
          instance.on_data(1, bytes) == 2;
  instance.on_down(1, ph_down{});
  right = right && instance.status() == "{\"app_attached\":false}";
  instance.close();
  const auto fault = instance.take_fault();
  std::printf("%s %s %s%s\n", (*library)->name().c_str(), (*library)->plugin().version,
              me.sent.c_str(), fault.c_str());
  return right && fault.empty() && me.sent == "peer:hello;app:ab;peer:ab;" ? 0 : 1;
}
