// Renders a diagnosis. Called by cli/doctor.cpp. The words themselves are the keeper's
// (auth/diagnosis_text.cpp); here they are cut to five lines a session, whole findings only.
#include "cli/doctor_text.hpp"

#include "auth/diagnosis.hpp"
#include "cli/json_view.hpp"

namespace peerhold::cli {
namespace {

std::string findings_of(const Json& session) {
  std::string out;
  std::size_t count = 0, left_out = 0;
  for (const Json& finding : field(session, "findings")) {
    const Json& lines = field(finding, "lines");
    if (count > 0 && count + lines.size() > most_lines) {
      ++left_out;
      continue;
    }
    for (const Json& line : lines)
      if (line.is_string() && count++ < most_lines)
        out += "  " + escape_control(line.get<std::string>()) + "\n";
  }
  if (left_out > 0 && count < most_lines)
    out += "  and " + std::to_string(left_out) + " more (--json)\n";
  return out;
}

std::string host_lines(const Json& host, const Look& look) {
  const auto count = [](const Json& object, const char* key) {
    return std::to_string(static_cast<std::uint64_t>(number(object, key)));
  };
  const auto yes = [&](const char* key, Colour otherwise) {
    return flag(host, key) ? paint("yes", Colour::green, look) : paint("no", otherwise, look);
  };
  const Json& dropped = field(host, "dropped");
  std::string out = "this host:\n";
  out += "  " + escape_control(text(host, "kernel")) + ", TCP-MD5: " + yes("tcp_md5", Colour::red) +
         "\n";
  out += "  CAP_NET_RAW: " + yes("cap_net_raw", Colour::yellow);
  if (!flag(host, "cap_net_raw"))
    out += " (which key a peer signs with cannot be seen: " +
           escape_control(text(host, "cap_net_raw_text")) + ")";
  out += "\n  CAP_NET_BIND_SERVICE: " + yes("cap_net_bind_service", Colour::none) + "\n";
  out += "  room for " + count(host, "keys_per_listener") +
         " keys on a listener (net.core.optmem_max " + count(host, "optmem_max") + ")\n";
  out += "  dropped since boot: " + count(dropped, "unsigned") + " unsigned, " +
         count(dropped, "wrong") + " signed with another key, " + count(dropped, "unexpected") +
         " signed where no key is, " + count(dropped, "ttl") + " from too far away\n";
  return out;
}

}  // namespace

Doctored doctor_text(const std::string& answer_json, const Look& look) {
  const Json answer = parse_json(answer_json);
  const Json& host = field(answer, "host");
  Doctored out;
  std::size_t well = 0;
  for (const Json& session : field(answer, "sessions")) {
    const std::string name = escape_control(text(session, "name"));
    const std::string title = name + " (" + escape_control(text(session, "peer")) + "): ";
    if (field(session, "findings").empty()) {
      ++well;
      if (!host.is_object()) out.text += title + paint("all is well", Colour::green, look) + "\n";
      continue;
    }
    out.found = true;
    out.text += title + paint("not well", Colour::red, look) + "\n" + findings_of(session);
  }
  if (!host.is_object()) return out;
  if (well > 0)
    out.text += std::to_string(well) + (well == 1 ? " session is well\n" : " sessions are well\n");
  out.text += host_lines(host, look);
  out.found = out.found || !flag(host, "tcp_md5");
  return out;
}

}  // namespace peerhold::cli
