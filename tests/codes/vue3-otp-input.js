// Six inputs of one character, drawn by Vue; the component says in the title what it holds.
import { createApp, h } from 'vue';
import VOtpInput from 'vue3-otp-input';

const hold = (code) => {
  document.title = code;
};

createApp({
  render: () => h(VOtpInput, { numInputs: 6, separator: '-', inputType: 'numeric', 'onUpdate:value': hold }),
}).mount('#root');
