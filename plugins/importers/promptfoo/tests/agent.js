// A custom provider of promptfoo, run by record_results.py: it reports its tool calls as the agent SDK providers do.
class Agent {
  id() { return 'office-agent'; }

  async callApi(prompt) {
    if (prompt.includes('outage')) return { error: 'the model is down' };
    return {
      output: 'It is 7 degrees in Oslo.',
      tokenUsage: { total: 30, prompt: 20, completion: 10 },
      cost: 0.001,
      metadata: {
        toolCalls: [
          { id: 'toolu_1', name: 'get_weather', input: { city: 'Oslo' }, output: '7 degrees', is_error: false, parentToolUseId: null },
          { id: 'toolu_2', name: 'send_mail', input: { to: 'all' }, output: 'not allowed', is_error: true, parentToolUseId: null },
        ],
      },
    };
  }
}
module.exports = Agent;
