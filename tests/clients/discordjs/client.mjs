// discord.js against the sandbox: does what the test asks for by messages, and says so on standard output.

import {
  ActionRowBuilder, AttachmentBuilder, ButtonBuilder, ButtonStyle, Client, Events, GatewayIntentBits, SlashCommandBuilder,
} from 'discord.js';

const say = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

const client = new Client({
  intents: Object.values(GatewayIntentBits).filter((bit) => typeof bit === 'number'),
  rest: { api: process.env.SANDBOX_API.replace(/\/v10$/, '') },
});

client.once(Events.ClientReady, async () => {
  const echo = new SlashCommandBuilder().setName('echo').setDescription('Echoes')
    .addStringOption((option) => option.setName('text').setDescription('what').setRequired(true));
  await client.application.commands.set([echo]);
  const guild = client.guilds.cache.sort((a, b) => b.channels.cache.size - a.channels.cache.size).first();
  const members = await guild.members.fetch();
  say('ready', {
    guilds: client.guilds.cache.size,
    channels: guild.channels.cache.map((channel) => channel.name),
    members: members.map((member) => member.user.username),
  });
});

client.on(Events.ShardResume, () => say('resumed'));

client.on(Events.InteractionCreate, async (interaction) => {
  if (interaction.isChatInputCommand()) {
    const button = new ButtonBuilder().setCustomId('again').setLabel('Again').setStyle(ButtonStyle.Primary);
    const row = new ActionRowBuilder().addComponents(button);
    await interaction.reply({ content: interaction.options.getString('text'), components: [row] });
  } else if (interaction.isButton()) {
    await interaction.update({ content: 'pressed', components: [] });
  }
});

client.on(Events.MessageCreate, async (message) => {
  if (message.author.bot) return;
  if (message.content === 'are you there') await message.reply('still here');
  if (message.content === 'work') {
    const sent = await message.channel.send('sent');
    await sent.edit('edited');
    await sent.react('\u{1F44D}');
    const thread = await sent.startThread({ name: 'a thread' });
    await thread.send('inside the thread');
    await message.guild.channels.create({ name: 'made by a bot' });
    await message.channel.send({ files: [new AttachmentBuilder(Buffer.from('hello'), { name: 'hello.txt' })] });
    const history = await message.channel.messages.fetch({ limit: 5 });
    say('worked', { history: history.size });
  }
});

process.on('SIGTERM', async () => { await client.destroy(); process.exit(0); });
await client.login(process.env.SANDBOX_BOT_TOKEN);
