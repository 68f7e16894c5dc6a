// The control protocol: one request object on a line, answered by one object on a line (`watch`:
// then one event a line; `attach`: then the app's stream). One request a connection.
//
//   {"command": "reset", "name": "edge1", "message": "…", "soft": false}
//   {"ok": true, "answer": {…}}   or   {"ok": false, "code": "no-session", "text": "…", …}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"

namespace peerhold {

inline constexpr std::size_t max_request = 64 * 1024;  // bytes, the newline included
inline constexpr std::string_view default_control_path = "/run/peerhold/control.sock";

inline constexpr Milliseconds longest_hold = std::chrono::hours(24 * 30);

enum class Verb : std::uint8_t {
  status,
  watch,
  keys,
  plugins,
  has_link,
  doctor,  // look
  up,
  down,
  reset,
  hold,
  release,
  reload,
  use_key,
  attach,  // change
};
std::string_view to_string(Verb);
bool only_looks(Verb);

struct Request {
  Verb verb = Verb::status;
  std::string name;  // session (what operates on one: or "all"), chain or plugin; empty: every one
  std::string message;       // down, reset
  bool soft = false;         // reset
  std::int64_t for_ms = 0;   // hold
  bool dry_run = false;      // reload
  std::uint32_t id = 0;      // use_key
  std::string peer, source;  // has_link: addresses
  bool operator==(const Request&) const = default;
};

// Why a request was not carried out, as programs see it.
enum class Refusal : std::uint8_t {
  denied,
  bad_request,
  no_session,
  no_such,
  bad_config,
  busy,
  failed,
};
std::string_view to_string(Refusal);

Result<Request> parse_request(std::string_view line);
std::string render(const Request&);

// Lines of the keeper's answer, newline included. `answer_json` is one JSON value.
std::string answer_line(std::string_view answer_json);
std::string refusal_line(Refusal, std::string_view text, std::string_view details_json = {});

// What a caller reads from an answer line.
struct Answer {
  bool ok = false;
  std::string code, text;  // of a refusal
  std::string json;        // the answer object, or the refusal's details ("" when none)
};
Result<Answer> parse_answer(std::string_view line);

}  // namespace peerhold
