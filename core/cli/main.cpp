// The program `peerhold`: picks the subcommand and runs it.
#include <cstdlib>
#include <exception>

#include "cli/commands.hpp"
#include "cli/process.hpp"

namespace peerhold::cli {

const std::vector<Command>& commands() {
  static const std::vector<Command> all{
      run_command(),          check_command(),   status_command(),   watch_command(),
      up_command(),           down_command(),    reset_command(),    hold_command(),
      release_command(),      reload_command(),  key_list_command(), key_use_command(),
      key_generate_command(), plugins_command(), doctor_command(),   attach_command(),
      probe_command()};
  return all;
}

namespace {

int start(const std::vector<std::string>& words) {
  const char* control = std::getenv("PEERHOLD_CONTROL");
  const Parsed parsed =
      parse_command_line(words, commands(), control ? control : "", PEERHOLD_VERSION);
  if (parsed.command) return parsed.command->run(parsed.arguments);
  if (!parsed.help.empty()) return print(parsed.help) ? ok : failed;
  // Without any command the error is the help itself.
  if (parsed.error == program_help(commands()))
    complain_lines(parsed.error);
  else
    complain(parsed.error);
  return usage;
}

}  // namespace
}  // namespace peerhold::cli

int main(int argc, char** argv) {
  peerhold::cli::open_standard_streams();
  try {
    return peerhold::cli::start({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& e) {  // memory; everything else is a Result
    peerhold::cli::complain(e.what());
    return peerhold::cli::failed;
  }
}
