"""Gateway v10: sessions, who gets which event, the WebSocket. https://discord.com/developers/docs/events/gateway"""
