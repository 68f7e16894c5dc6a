// Requests are untrusted: what is not exactly one is refused in words.
#include "control/protocol.hpp"

#include <doctest/doctest.h>

#include "control/access.hpp"

namespace peerhold {

TEST_CASE("a request survives the way to text and back") {
  Request r;
  r.verb = Verb::reset;
  r.name = "edge1";
  r.message = "back in \"5\" minutes\n\xc3\xa4";
  r.soft = true;
  const std::string line = render(r);
  REQUIRE(line.back() == '\n');
  CHECK(line.find('\n') == line.size() - 1);
  const auto back = parse_request(line);
  REQUIRE(back);
  CHECK(*back == r);

  Request link;
  link.verb = Verb::has_link;
  link.peer = "192.0.2.1";
  link.source = "192.0.2.2";
  const auto link_back = parse_request(render(link));
  REQUIRE(link_back);
  CHECK(*link_back == link);
  Request hold;
  hold.verb = Verb::hold;
  hold.name = "edge1";
  hold.for_ms = 1800000;
  const auto hold_back = parse_request(render(hold));
  REQUIRE(hold_back);
  CHECK(*hold_back == hold);
  Request doctor;
  doctor.verb = Verb::doctor;
  const auto doctor_back = parse_request(render(doctor));
  REQUIRE(doctor_back);
  CHECK(*doctor_back == doctor);
  CHECK(only_looks(Verb::doctor));
  CHECK_FALSE(only_looks(Verb::up));
  CHECK_FALSE(only_looks(Verb::hold));
  CHECK_FALSE(only_looks(Verb::release));
  CHECK(render(Request{}) == "{\"command\":\"status\"}\n");
}

TEST_CASE("what is no request is refused with the reason") {
  const auto text = [](std::string_view line) {
    const auto r = parse_request(line);
    return r ? std::string("accepted") : r.error().text;
  };
  CHECK(text("{\"command\":\"status\"}") == "accepted");
  CHECK(text("").find("one JSON object") != std::string::npos);
  CHECK(text("GET / HTTP/1.1").find("one JSON object") != std::string::npos);
  CHECK(text("[]").find("one JSON object") != std::string::npos);
  CHECK(text("{}").find("\"command\" is missing") != std::string::npos);
  CHECK(text("{\"command\":7}").find("must be a string") != std::string::npos);
  CHECK(text("{\"command\":\"fly\"}").find("no command \"fly\"") != std::string::npos);
  CHECK(text("{\"command\":\"reset\",\"soft\":1}").find("true or false") != std::string::npos);
  for (const char* bad : {"\"1\"", "0", "-1", "1.5", "2592000001", "1e30"})
    CHECK(text("{\"command\":\"hold\",\"for_ms\":" + std::string(bad) + "}").find("whole number") !=
          std::string::npos);
  CHECK(text("{\"command\":\"up\",\"nmae\":\"x\"}").find("no field \"nmae\"") != std::string::npos);
  CHECK(text("{\"command\":\"a\\u001b[2Jb\"}").find('\x1b') == std::string::npos);
  CHECK(text(std::string(max_request, '[')) != "accepted");
  CHECK(text(std::string(max_request + 1, ' ')).find("64 KiB") != std::string::npos);
}

TEST_CASE("answers") {
  const auto good = parse_answer(answer_line(R"({"a":[1,2]})"));
  REQUIRE(good);
  CHECK(good->ok);
  CHECK(good->json == R"({"a":[1,2]})");
  const auto bad = parse_answer(refusal_line(Refusal::bad_config, "two\nlines", R"({"d":1})"));
  REQUIRE(bad);
  CHECK_FALSE(bad->ok);
  CHECK(bad->code == "bad-config");
  CHECK(bad->text == "two\nlines");
  CHECK(bad->json == R"({"d":1})");
  CHECK_FALSE(parse_answer("SSH-2.0-OpenSSH"));
  CHECK_FALSE(parse_answer("{\"ok\":\"yes\"}"));
}

TEST_CASE("who may do what") {
  const auto access = [](uid_t uid, gid_t gid, std::vector<gid_t> groups) {
    PeerUser user;
    user.uid = uid;
    user.gid = gid;
    user.groups = std::move(groups);
    return access_of(user, 500, gid_t{70}, gid_t{80});
  };
  CHECK(access(0, 0, {}) == Access::all);
  CHECK(access(500, 500, {}) == Access::all);
  CHECK(access(1000, 70, {}) == Access::all);
  CHECK(access(1000, 1000, {1000, 70}) == Access::all);
  CHECK(access(1000, 1000, {80}) == Access::look);
  CHECK(access(1000, 1000, {80, 70}) == Access::all);
  CHECK(access(1000, 1000, {1, 2}) == Access::none);
  PeerUser stranger;
  stranger.uid = 1000;
  CHECK(access_of(stranger, 500, {}, {}) == Access::none);  // no groups: nobody by group 0
  CHECK(only_looks(Verb::status));
  CHECK(only_looks(Verb::watch));
  CHECK(only_looks(Verb::keys));
  CHECK(only_looks(Verb::plugins));
  CHECK_FALSE(only_looks(Verb::up));
  CHECK_FALSE(only_looks(Verb::reload));
  CHECK_FALSE(only_looks(Verb::attach));
}

}  // namespace peerhold
